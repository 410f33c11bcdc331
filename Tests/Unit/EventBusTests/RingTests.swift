import Testing

@testable import EventBus

@Suite struct RingTests {
    @Test func staysInOrderOverWrapAndGrowth() {
        var ring = Ring<Int>()
        var expected: [Int] = []
        for number in 0..<100 {
            ring.append(number)
            expected.append(number)
            if number.isMultiple(of: 3) {
                #expect(ring.popFirst() == expected.removeFirst())
            }
        }
        ring.prepend(-1)
        #expect(ring.first == -1)
        #expect(ring[1] == expected[0])
        #expect(ring.popFirst() == -1)
        ring.keep { $0.isMultiple(of: 2) }
        var rest: [Int] = []
        while let number = ring.popFirst() {
            rest.append(number)
        }
        #expect(rest == expected.filter { $0.isMultiple(of: 2) })
        #expect(ring.isEmpty && ring.popFirst() == nil && ring.first == nil && ring[0] == nil)
    }
}
