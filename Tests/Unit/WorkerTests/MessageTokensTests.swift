import Testing

@testable import parley_worker

struct MessageTokensTests {
    private func tokens(_ message: String, max: Int = 100) -> [String] {
        MessageTokens.tokens(of: message, max: max)
    }

    @Test func wordsAreRunsOfLettersAndNumbersInLowerCase() {
        #expect(tokens("Don't panic, Zoë: 42%!") == ["don", "t", "panic", "zoë", "42"])
        #expect(tokens("snake_case, e-mail;ÄÖ\n\tß\u{0}x") == ["snake", "case", "e", "mail", "äö", "ß", "x"])
        #expect(tokens("Привет, МИР。你好 世界") == ["привет", "мир", "你好", "世界"])
        // Marks belong to their letters: no word ends at a vowel sign.
        #expect(tokens("हिन्दी भाषा") == ["हिन्दी", "भाषा"])
        #expect(tokens("e\u{301}té") == ["été"])
    }

    @Test func wordsRepeatAndKeepTheirOrder() {
        #expect(tokens("b a B") == ["b", "a", "b"])
    }

    @Test func aMessageWithoutAWordHasNone() {
        #expect(tokens("").isEmpty)
        #expect(tokens(" ?! 😀 — \u{301}").isEmpty)
    }

    @Test func onlyTheFirstWordsCount() {
        #expect(tokens("a b c", max: 3) == ["a", "b", "c"])
        #expect(tokens("a b c d", max: 3) == ["a", "b", "c"])
        #expect(tokens(String(repeating: "w ", count: 10_000)).count == 100)
    }

    @Test func aWordIsCut() {
        let most = String(repeating: "é", count: 64)
        #expect(tokens(most) == [most])
        #expect(tokens(most + "x y") == [most, "y"])
        let heavy = "a" + String(repeating: "\u{301}", count: 5000)
        #expect(tokens("bc\(heavy)") == ["bc"])
        #expect(tokens("abc \(heavy)") == ["abc"], "a character that is too large for a word makes none")
    }
}
