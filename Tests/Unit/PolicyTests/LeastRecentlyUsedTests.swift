import TestKit
import Testing

@testable import Policy

@Suite struct LeastRecentlyUsedTests {
    @Test func keepsAsManyAsItMayAndDropsTheOldestUse() {
        var cache = LeastRecentlyUsed<String, Int>(capacity: 2)
        cache["a"] = 1
        cache["b"] = 2
        #expect(cache.count == 2)
        let touched = cache["a"]
        #expect(touched == 1)
        cache["c"] = 3
        let (a, b, c) = (cache["a"], cache["b"], cache["c"])
        #expect(a == 1 && b == nil && c == 3)
        #expect(cache.count == 2)
        cache["a"] = 9
        cache["d"] = 4
        let (newA, newC) = (cache["a"], cache["c"])
        #expect(newA == 9 && newC == nil)
    }

    @Test func holdsOne() {
        var cache = LeastRecentlyUsed<Int, Int>(capacity: 1)
        for number in 0..<10 {
            cache[number] = number
            let (now, before) = (cache[number], cache[number - 1])
            #expect(now == number && before == nil)
        }
    }

    /// Against a model that is slow and plainly right.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func doesWhatASimpleModelDoes(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var cache = LeastRecentlyUsed<Int, Int>(capacity: 5)
        var model: [(key: Int, value: Int)] = []
        for step in 0..<2000 {
            let key = Int.random(in: 0..<9, using: &generator)
            let position = model.firstIndex { $0.key == key }
            if Bool.random(using: &generator) {
                let found = cache[key]
                #expect(found == position.map { model[$0].value }, "seed \(seed), step \(step)")
                if let position { model.append(model.remove(at: position)) }
            } else {
                cache[key] = step
                if let position { model.remove(at: position) } else if model.count == 5 { model.removeFirst() }
                model.append((key, step))
            }
            #expect(cache.count == model.count)
        }
    }
}
