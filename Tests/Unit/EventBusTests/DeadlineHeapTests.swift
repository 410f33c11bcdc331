import TestKit
import Testing

@testable import EventBus

@Suite struct DeadlineHeapTests {
    @Test func givesTheEarliestFirstAndNothingEarly() {
        let start = ContinuousClock.now
        var heap = DeadlineHeap()
        var generator = SeededRandom(seed: 7)
        let numbers = (0..<200).shuffled(using: &generator)
        for number in numbers {
            heap.insert(number, at: start + .milliseconds(number))
        }
        #expect(heap.first == start)
        #expect(heap.popDue(start - .milliseconds(1)) == nil)
        heap.keep { !$0.isMultiple(of: 3) }
        var popped: [Int] = []
        while let number = heap.popDue(start + .milliseconds(99)) {
            popped.append(number)
        }
        #expect(popped == (0..<100).filter { !$0.isMultiple(of: 3) })
        #expect(heap.first == start + .milliseconds(100))
    }
}
