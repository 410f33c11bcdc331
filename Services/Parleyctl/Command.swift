import Configuration
import Glibc

/// One command of the operator's command line.
protocol Command {
    /// The word that it goes by.
    static var name: String { get }
    /// How it is called, a line for each form.
    static var usage: String { get }
    /// Does what it is for.
    static func run(_ arguments: inout Arguments) async throws
}

/// A command was called in a way that makes no sense.
struct UsageError: Error {
    /// What was wrong.
    let reason: String
}

/// The words behind a command.
struct Arguments {
    private var words: [String]

    /// Takes words as they come from the shell.
    init(_ words: [String]) {
        self.words = words
    }

    /// The next word; nil when there is none, or only options follow.
    mutating func next() -> String? {
        guard let index = words.firstIndex(where: { !$0.hasPrefix("--") }) ?? words.indices.first else { return nil }
        return words.remove(at: index)
    }

    /// Whether an option without a value was given.
    mutating func flag(_ name: String) -> Bool {
        guard let index = words.firstIndex(of: name) else { return false }
        words.remove(at: index)
        return true
    }

    /// The value of an option.
    mutating func option(_ name: String) throws -> String? {
        guard let index = words.firstIndex(of: name) else { return nil }
        guard index + 1 < words.count else { throw UsageError(reason: "\(name) needs a value") }
        words.remove(at: index)
        return words.remove(at: index)
    }

    /// What is left: nothing may be.
    func finish() throws {
        if let word = words.first { throw UsageError(reason: "\(word) is not understood") }
    }

    /// The rest of the words.
    mutating func rest() -> [String] {
        defer { words = [] }
        return words
    }
}

/// Where commands write.
enum Console {
    /// Writes a line for the user.
    static func print(_ text: String) {
        put(text + "\n", to: STDOUT_FILENO)
    }

    /// Says what went wrong.
    static func complain(_ text: String) {
        put("parleyctl: \(text)\n", to: STDERR_FILENO)
    }

    /// Writes text without a line break.
    static func write(_ text: String) {
        put(text, to: STDOUT_FILENO)
    }

    private static func put(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
