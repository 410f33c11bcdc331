import Domain
import Testing

@Suite struct IdentifierTests {
    @Test(arguments: ["a", "A-Z.a_z:0-9", String(repeating: "x", count: 128)])
    func accepts(_ text: String) {
        #expect(Identifier.isValid(text))
    }

    @Test(arguments: ["", String(repeating: "x", count: 129), "a b", "a/b", "ä", "a\u{0}", "a\n"])
    func refuses(_ text: String) {
        #expect(!Identifier.isValid(text))
    }

    @Test func madeIdsAreUniqueValidAndOfVersionSeven() {
        let ids = (0..<10_000).map { _ in Identifier.make() }
        #expect(Set(ids).count == ids.count)
        for id in ids.prefix(100) {
            let characters = Array(id)
            #expect(Identifier.isValid(id) && characters.count == 36)
            #expect(characters[14] == "7" && "89ab".contains(characters[19]))
        }
    }

    @Test func laterIdsSortLater() throws {
        let first = Identifier.make()
        // The time in front has millisecond resolution: go on until it has moved.
        var later = Identifier.make()
        while later.prefix(13) == first.prefix(13) { later = Identifier.make() }
        #expect(first < later)
    }
}

@Suite struct StreamPositionTests {
    @Test func readsWhatItWrites() {
        let position = StreamPosition(turn: 12, index: 3_000_004)
        #expect(position.description == "12-3000004")
        #expect(StreamPosition(position.description) == position)
        #expect(position.attempt == 4)
    }

    @Test(arguments: ["", "1", "1-", "-1-2", "1-2-3", "a-b", "1--2", "99999999999999999999-1"])
    func refuses(_ text: String) {
        #expect(StreamPosition(text) == nil)
    }

    @Test func ordersByTurnThenIndexAndPutsALaterAttemptBehind() {
        let first = StreamPosition(turn: 1, index: 5)
        let restarted = StreamPosition(turn: 1, index: StreamPosition.firstIndex(ofAttempt: 2))
        #expect(first < restarted)
        #expect(restarted < StreamPosition(turn: 2, index: 0))
        #expect(restarted.opensAttempt && !first.opensAttempt)
    }
}
