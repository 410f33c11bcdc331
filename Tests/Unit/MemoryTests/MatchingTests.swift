import Memory
import Testing

/// Patterns and states whose matches were worked out by hand.
struct MatchingTests {
    /// Pattern ; state ; longest common subsequence ; blocks ; matches ; past ; present ; future ; missing ; extras.
    ///
    /// `-` stands for no event, `.` for an event without symbols.
    @Test(arguments: [
        "a|b|c ; a|b|c ; 3 ; 1 ; abc ; - ; a|b|c ; - ; .|.|. ; .|.|.",
        "a|b|c ; a|b ; 2 ; 1 ; ab ; - ; a|b ; c ; .|. ; .|.",
        "a|b|c ; b|c ; 2 ; 1 ; bc ; a ; b|c ; - ; .|. ; .|.",
        "a|b|c ; b ; 1 ; 1 ; b ; a ; b ; c ; . ; .",
        "a|b|c ; a|c ; 2 ; 2 ; ac ; - ; a|b|c ; - ; .|b|. ; .|.",
        "a|b|c ; c|a ; 1 ; 1 ; a ; - ; a ; b|c ; . ; c|.",
        "a|b|c ; x|b|y ; 1 ; 1 ; b ; a ; b ; c ; . ; x|.|y",
        "ab|cd ; a|d ; 2 ; 2 ; ad ; - ; ab|cd ; - ; b|c ; .|.",
        "ab|cd ; b|c ; 2 ; 1 ; bc ; - ; ab|cd ; - ; a|d ; .|.",
        "ab|cd ; ab ; 2 ; 1 ; ab ; - ; ab ; cd ; . ; .",
        "ab|cd ; d ; 1 ; 1 ; d ; ab ; cd ; - ; c ; .",
        "abc|d|e ; b ; 1 ; 1 ; b ; - ; abc ; d|e ; ac ; .",
        "abc|d|e ; bx|e ; 2 ; 2 ; be ; - ; abc|d|e ; - ; ac|d|. ; x|.",
        "a|bc|d ; c|d ; 2 ; 1 ; cd ; a ; bc|d ; - ; b|. ; .|.",
        "a|b|c|d|e ; b|d ; 2 ; 2 ; bd ; a ; b|c|d ; e ; .|c|. ; .|.",
        "a|b|c|d|e ; c|d|x ; 2 ; 1 ; cd ; a|b ; c|d ; e ; .|. ; .|.|x",
        "a|a|b ; a|b ; 2 ; 1 ; ab ; - ; a|a|b ; - ; .|.|. ; .|.",
        "a|a|b ; a|a ; 2 ; 1 ; aa ; - ; a|a ; b ; .|. ; .|.",
        "a|b|a|b ; a|b ; 2 ; 1 ; ab ; - ; a|b ; a|b ; .|. ; .|.",
        "ax|ab ; ab ; 2 ; 1 ; ab ; - ; ax|ab ; - ; x|. ; .",
        "ax|b|ab ; ab ; 2 ; 1 ; ab ; ax|b ; ab ; - ; . ; .",
        "xa|ya|z ; ya|z ; 3 ; 1 ; yaz ; xa ; ya|z ; - ; .|. ; .|.",
        "a|ax|ab ; ab ; 2 ; 1 ; ab ; a ; ax|ab ; - ; x|. ; .",
        "a|b|c|d ; d|c|b|a ; 1 ; 1 ; a ; - ; a ; b|c|d ; . ; d|c|b|.",
        "a|b|c|d ; a|x|c|y ; 2 ; 2 ; ac ; - ; a|b|c ; d ; .|b|. ; .|x|.|y",
        "ab|ab|ab ; ab|ab ; 4 ; 1 ; abab ; - ; ab|ab ; ab ; .|. ; .|.",
        "abcd ; a|c ; 2 ; 2 ; ac ; - ; abcd ; - ; bd ; .|.",
        "abcd|e ; ce ; 2 ; 2 ; ce ; - ; abcd|e ; - ; abd|. ; .",
        "a|b|c ; a|a|a ; 1 ; 1 ; a ; - ; a ; b|c ; . ; .|.|.",
        "abc|abd|e ; abd ; 3 ; 1 ; abd ; - ; abc|abd ; e ; c|. ; .",
        "a|b|c|d|e|f ; b|c|x|e|f ; 4 ; 2 ; bcef ; a ; b|c|d|e|f ; - ; .|.|d|.|. ; .|.|x|.|.",
        "é|e|z ; é|z ; 2 ; 2 ; éz ; - ; é|e|z ; - ; .|e|. ; .|.",
    ])
    func table(_ row: String) throws {
        let cells = row.split(separator: " ; ").map(String.init)
        let node = try Node([cells[0]: 1], threshold: 0)
        let prediction = try node.predict(cells[1], cells[0])
        let symbols = Node.events(cells[0]).joined().count + Node.events(cells[1]).joined().count
        let common = try #require(Int(cells[2]))
        let blocks = try #require(Int(cells[3]))
        // 2 · LCS / (|p| + |s|), and one less than there are blocks.
        #expect(isClose(prediction.metrics.similarity, Double(2 * common) / Double(symbols)))
        #expect(prediction.metrics.fragmentation == Double(blocks - 1))
        #expect(prediction.matches == cells[4].map(String.init))
        #expect(prediction.past == Node.events(cells[5]))
        #expect(prediction.present == Node.events(cells[6]))
        #expect(prediction.future == Node.events(cells[7]))
        #expect(prediction.missing == Node.events(cells[8]))
        #expect(prediction.extras == Node.events(cells[9]))
        #expect(prediction.sequence == Node.events(cells[0]))
        #expect(prediction.anomalies == [])
    }

    @Test func withoutAMatchEverythingIsPresentAtThresholdZero() throws {
        let prediction = try Node(["ab|c": 1], threshold: 0).predict("x|yz", "ab|c")
        #expect(prediction.metrics.similarity == 0)
        #expect(prediction.metrics.fragmentation == -1)
        #expect(prediction.matches == [])
        #expect(prediction.past == [])
        #expect(prediction.present == [["a", "b"], ["c"]])
        #expect(prediction.future == [])
        #expect(prediction.missing == [["a", "b"], ["c"]])
        #expect(prediction.extras == [["x"], ["y", "z"]])
        // 0 matches, 3 state symbols outside of any block: (0 − 3) / (0 + 3).
        #expect(prediction.metrics.snr == -1)
        // (0 + 0) · −1 + (1 − 1 · 1/1) + 0.
        #expect(prediction.metrics.potential == 0)
    }

    @Test func aboveThresholdZeroAPatternWithoutAMatchIsDropped() throws {
        #expect(try Node(["ab|c": 1], threshold: 1e-9).predict("x|yz").keptCount == 0)
        #expect(try Node(["ab|c": 1], threshold: 0).predict("x|yz").keptCount == 1)
    }

    /// a|b|c|d and a|x|y|z: 2 · 1 / 8 = 0.25.
    @Test func theThresholdItselfIsReached() throws {
        #expect(try Node(["a|b|c|d": 1], threshold: 0.25).predict("a|x|y|z").keptCount == 1)
        #expect(try Node(["a|b|c|d": 1], threshold: 0.25.nextUp).predict("a|x|y|z").keptCount == 0)
    }

    @Test func aStateWithoutSymbolsPredictsNothing() throws {
        #expect(try Node(["ab|c": 1], threshold: 0).predict("-") == .empty)
        #expect(try Node([:], threshold: 0).predict("a|b") == .empty)
    }

    @Test func aStateOfOneSymbolPredictsLikeAnyOther() throws {
        let prediction = try Node(["ab|c": 1]).predict("a", "ab|c")
        #expect(prediction.present == [["a", "b"]])
        #expect(prediction.missing == [["b"]])
        #expect(prediction.extras == [[]])
        #expect(prediction.future == [["c"]])
    }

    /// Symbols are compared by code point: é is not e with an accent.
    @Test func symbolsAreComparedByCodePoint() throws {
        var node = try Node([:])
        try node.index.upsert(Pattern(events: [["\u{E9}"], ["x"]]))
        let ensemble = node.index.predict(state: [["e\u{301}"], ["x"]], node.configuration)
        let prediction = try #require(ensemble.predictions.first)
        #expect(prediction.matches == ["x"])
        #expect(prediction.extras.map { $0.map { Array($0.utf8) } } == [[Array("e\u{301}".utf8)], []])
    }

    /// d = |a| + |b| − 2 · LCS, 1 − d / (|a| + |b|).
    @Test(arguments: [
        ("bannana", "banana", 1.0 - 1.0 / 13), ("chery", "cherry", 1.0 - 1.0 / 11), ("abc", "abc", 1.0),
        ("abc", "xyz", 0.0), ("", "", 1.0), ("", "ab", 0.0), ("ab", "ba", 1.0 - 2.0 / 4),
        ("kitten", "sitting", 1.0 - 5.0 / 13), ("日本", "日本語", 1.0 - 1.0 / 5), ("🙂a", "a🙂", 1.0 - 2.0 / 4),
    ])
    func indelSimilarity(_ left: String, _ right: String, _ expected: Double) {
        #expect(isClose(IndelSimilarity.ratio(left, right), expected))
        #expect(isClose(IndelSimilarity.ratio(right, left), expected))
    }

    /// "a b c" and "a c" have "a c" in common: 1 − (5 + 3 − 2 · 3) / 8 = 0.75, where symbols would give 2 · 2 / 5 =
    /// 0.8.
    @Test func withoutTokenMatchingCharactersCount() throws {
        var node = try Node(["a|b|c": 1])
        node.configuration.useTokenMatching = false
        let prediction = try node.predict("a|c", "a|b|c")
        #expect(prediction.metrics.similarity == 0.75)
        #expect(prediction.matches == ["a", "c"])
        #expect(prediction.metrics.bayesianLikelihood == 0.75)
        // "z" shares no symbol with it, and " " is a character in common.
        #expect(node.predict("z|y").keptCount == 0)
    }

    @Test func anomaliesAreTheBestInexactMatches() throws {
        var node = try Node([:])
        try node.index.upsert(Pattern(events: [["apple", "banana", "cherry", "date", "elderberry"]]))
        node.configuration.fuzzyTokenThreshold = 0.85
        let state = [["apple", "bannana", "chery", "zzz"]]
        let prediction = try #require(node.index.predict(state: state, node.configuration).predictions.first)
        #expect(prediction.matches == ["apple"])
        #expect(prediction.anomalies.map(\.observed) == ["bannana", "chery"])
        #expect(prediction.anomalies.map(\.expected) == ["banana", "cherry"])
        // 1 − 1/13 and 1 − 1/11.
        #expect(isClose(prediction.anomalies[0].similarity, 12.0 / 13))
        #expect(isClose(prediction.anomalies[1].similarity, 10.0 / 11))
        // At the threshold and over it.
        node.configuration.fuzzyTokenThreshold = prediction.anomalies[0].similarity
        #expect(node.index.predict(state: state, node.configuration).predictions.first?.anomalies.count == 1)
        node.configuration.fuzzyTokenThreshold = prediction.anomalies[0].similarity.nextUp
        #expect(node.index.predict(state: state, node.configuration).predictions.first?.anomalies.count == 0)
    }
}
