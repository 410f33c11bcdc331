/// The words behind a command.
///
/// Options (`--name VALUE` or `--name=VALUE`) and flags may stand anywhere before `--`; what is behind it are operands,
/// whatever they look like. A command takes its options first, then its operands, then calls ``finish()``.
struct Arguments {
    private var words: [String]
    private var operands: [String]

    /// Takes words as they come from the shell.
    init(_ words: [String]) {
        let end = words.firstIndex(of: "--") ?? words.endIndex
        self.words = Array(words[..<end])
        operands = Array(words[end...].dropFirst())
    }

    /// The next operand; nil when there is none.
    mutating func next() -> String? {
        if let index = words.firstIndex(where: { !Self.isOption($0) }) { return words.remove(at: index) }
        return operands.isEmpty ? nil : operands.removeFirst()
    }

    /// The next operand.
    ///
    /// - Throws: ``UsageError`` when there is none; `what` names it.
    mutating func require(_ what: String) throws -> String {
        guard let word = next() else { throw UsageError(reason: "\(what) is missing") }
        return word
    }

    /// All operands that are left.
    mutating func rest() -> [String] {
        var found: [String] = []
        while let word = next() { found.append(word) }
        return found
    }

    /// Whether an option without a value was given.
    mutating func flag(_ name: String) throws -> Bool {
        guard let index = words.firstIndex(of: name) else { return false }
        words.remove(at: index)
        if words.contains(name) { throw UsageError(reason: "\(name) is given twice") }
        return true
    }

    /// The value of an option; nil when it was not given.
    ///
    /// - Throws: ``UsageError`` when it has no value, or was given twice.
    mutating func option(_ name: String) throws -> String? {
        guard let index = words.firstIndex(where: { $0 == name || $0.hasPrefix(name + "=") }) else { return nil }
        let word = words.remove(at: index)
        let value: String
        if word == name {
            guard index < words.count, !Self.isOption(words[index]) else {
                throw UsageError(reason: "\(name) needs a value")
            }
            value = words.remove(at: index)
        } else {
            value = String(word.dropFirst(name.count + 1))
        }
        if value.isEmpty { throw UsageError(reason: "\(name) needs a value") }
        if words.contains(where: { $0 == name || $0.hasPrefix(name + "=") }) {
            throw UsageError(reason: "\(name) is given twice")
        }
        return value
    }

    /// The value of an option that is a whole number in `range`; nil when it was not given.
    ///
    /// - Throws: ``UsageError`` when it is something else.
    mutating func number(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let text = try option(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError(
                reason: "\(name) is \(TerminalText.quoted(text)); it must be a whole number from "
                    + "\(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    /// Says that nothing more is understood.
    ///
    /// - Throws: ``UsageError`` when words are left.
    func finish() throws {
        guard let word = (words + operands).first else { return }
        throw UsageError(reason: "\(TerminalText.quoted(word)) is not understood here")
    }

    /// A single `-` is an operand: many programs take it for standard input.
    private static func isOption(_ word: String) -> Bool {
        word.hasPrefix("-") && word != "-"
    }
}
