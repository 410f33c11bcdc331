/// What a persona with `memory: auto` observes of a message: its words, as one event.
///
/// A word is a run of characters that are letters or numbers (by Unicode, with the marks that belong to them) in lower
/// case, whatever the locale; every other character parts words and is dropped: `Don't panic, Zoë: 42%!` is `don`, `t`,
/// `panic`, `zoë`, `42`. Words are in the order of the message and may repeat (the session's `sort_symbols` then sorts
/// them, as with every observation). Scripts that do not part words by spaces give one word for each run.
///
/// A word is cut after ``wordCharactersMax`` characters and ``wordBytesMax`` bytes, at the end of a character. Of a
/// message with more words than may be, the first ones count. A message without a word is an empty event, which the
/// memory does not keep.
enum MessageTokens {
    /// How many characters of a word count.
    static let wordCharactersMax = 64
    /// How many bytes of a word count: a character can have any number of marks.
    static let wordBytesMax = 1024

    /// The words of a message.
    /// - Parameters:
    ///   - message: The message.
    ///   - max: How many words at most.
    /// - Returns: The words, in the order of the message.
    static func tokens(of message: String, max: Int) -> [String] {
        var tokens: [String] = []
        var rest = message[...]
        while tokens.count < max, let begin = rest.firstIndex(where: isPartOfWord) {
            let end = rest[begin...].firstIndex { !isPartOfWord($0) } ?? rest.endIndex
            let word = cut(rest[begin..<end].lowercased())
            if !word.isEmpty { tokens.append(word) }
            rest = rest[end...]
        }
        return tokens
    }

    private static func isPartOfWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber
    }

    private static func cut(_ word: String) -> String {
        if word.utf8.count <= wordCharactersMax { return word }
        var kept = ""
        var bytes = 0
        for character in word.prefix(wordCharactersMax) {
            bytes += character.utf8.count
            if bytes > wordBytesMax { break }
            kept.append(character)
        }
        return kept
    }
}
