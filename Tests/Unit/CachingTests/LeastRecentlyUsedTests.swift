import Caching
import TestKit
import Testing

@Suite struct LeastRecentlyUsedTests {
    private func keys(_ cache: LeastRecentlyUsed<String, Int>) -> [String] {
        var cache = cache
        var keys: [String] = []
        while let key = cache.oldestKey {
            keys.append(key)
            cache.remove(key)
        }
        return keys
    }

    @Test func keepsAsManyAsItMayAndDropsTheOldestUse() {
        var cache = LeastRecentlyUsed<String, Int>(weightMax: 2)
        cache.set("a", 1)
        cache.set("b", 2)
        #expect(keys(cache) == ["a", "b"])
        let touched = cache.use("a")
        #expect(touched == 1)
        cache.set("c", 3)
        #expect(keys(cache) == ["a", "c"])
        cache.set("a", 9)
        cache.set("d", 4)
        #expect(keys(cache) == ["a", "d"])
        let (a, c) = (cache.use("a"), cache.use("c"))
        #expect(a == 9 && c == nil)
    }

    @Test func holdsOne() {
        var cache = LeastRecentlyUsed<Int, Int>(weightMax: 1)
        for number in 0..<10 {
            cache.set(number, number)
            let (now, before) = (cache.use(number), cache.use(number - 1))
            #expect(now == number && before == nil)
        }
    }

    @Test func weightsAtAndOverTheLimit() {
        var cache = LeastRecentlyUsed<String, Int>(weightMax: 10)
        cache.set("a", 1, weight: 4)
        cache.set("b", 2, weight: 4)
        cache.set("c", 3, weight: 2)
        #expect(cache.weight == 10 && keys(cache) == ["a", "b", "c"])
        cache.set("c", 3, weight: 3)
        #expect(cache.weight == 7 && keys(cache) == ["b", "c"])
        cache.set("d", 4, weight: 11)
        #expect(cache.weight == 11 && keys(cache) == ["d"], "the newest stays, whatever it weighs")
        cache.set("e", 5, weight: 1)
        #expect(cache.weight == 1 && keys(cache) == ["e"])
    }

    /// Against a model that is slow and plainly right.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func doesWhatASimpleModelDoes(seed: UInt64) {
        var generator = SeededRandom(seed: seed)
        var cache = LeastRecentlyUsed<Int, Int>(weightMax: 9)
        var model: [(key: Int, value: Int, weight: Int)] = []
        for step in 0..<4000 {
            let key = Int.random(in: 0..<9, using: &generator)
            let old = model.firstIndex { $0.key == key }.map { model.remove(at: $0) }
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let removed = cache.remove(key)
                #expect(removed == old?.value, "seed \(seed), step \(step)")
            case 1:
                let found = cache.use(key)
                #expect(found == old?.value, "seed \(seed), step \(step)")
                if let old { model.append(old) }
            default:
                let weight = Int.random(in: 1...3, using: &generator)
                cache.set(key, step, weight: weight)
                model.append((key, step, weight))
                while model.reduce(0, { $0 + $1.weight }) > 9 { model.removeFirst() }
            }
            #expect(cache.count == model.count && cache.oldestKey == model.first?.key, "seed \(seed), step \(step)")
            #expect(cache.weight == model.reduce(0) { $0 + $1.weight }, "seed \(seed), step \(step)")
        }
    }
}
