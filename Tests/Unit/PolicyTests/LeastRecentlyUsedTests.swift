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
        var generator = SplitMix(state: seed)
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

/// Numbers that are the same for the same seed (Steele, Lea and Flood 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
