import Glibc

/// Where commands write.
enum Console {
    /// Whether standard input is a terminal: then somebody types.
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Whether standard output is a terminal: then lines may be dim.
    static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes a line for the user.
    static func print(_ text: String) {
        put(text + "\n", to: STDOUT_FILENO)
    }

    /// Writes text without a line break.
    static func write(_ text: String) {
        put(text, to: STDOUT_FILENO)
    }

    /// Writes a line beside the output: for people, not for the program that reads the output.
    static func note(_ text: String) {
        put(text + "\n", to: STDERR_FILENO)
    }

    /// Says what went wrong.
    static func complain(_ text: String) {
        note("parleyctl: \(text)")
    }

    private static func put(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more, as behind `| head`: there is nothing left to do.
            if count < 0, errno == EPIPE { exit(1) }
            if count <= 0 { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
