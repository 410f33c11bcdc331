import Domain
import Store
import Testing

@testable import parley_worker

@Suite struct RecentContextsTests {
    private func context(_ text: String = "hello") -> RememberedContext {
        RememberedContext(lastTurnSeq: 1, messages: [HistoryMessage(role: .user, text: text)])
    }

    @Test func forgetsSessionsThatRest() {
        let start = ContinuousClock.now
        var contexts = RecentContexts<String>()
        contexts.keep("a", context(), now: start)
        contexts.keep("b", context(), now: start + .seconds(30))
        contexts.keep("c", context(), now: start + .seconds(60))
        #expect(contexts.count == 3)
        contexts.keep("d", context(), now: start + .seconds(61))
        let (a, b) = (contexts.find("a"), contexts.find("b"))
        #expect(contexts.count == 3)
        #expect(a == nil && b?.lastTurnSeq == 1)
    }

    @Test func keepsNoMoreBytesThanItsLimit() {
        let one = context().weight
        #expect(one > 256)
        var contexts = RecentContexts<String>(bytesMax: one * 2)
        let now = ContinuousClock.now
        for key in ["a", "b"] { contexts.keep(key, context(), now: now) }
        #expect(contexts.count == 2)
        contexts.keep("c", context("hello!"), now: now)
        #expect(contexts.count == 1)
        contexts.forget("c")
        let gone = contexts.find("c")
        #expect(gone == nil)
    }
}
