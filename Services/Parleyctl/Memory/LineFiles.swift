import Glibc

/// Reads lines out of a file or standard input, one at a time.
struct LineReader: ~Copyable {
    /// What comes next.
    enum Line: Equatable {
        /// A line without its line break.
        case line([UInt8])
        /// A line that is longer than it may be; it was skipped.
        case tooLong
    }

    private let descriptor: Int32
    private let name: String
    private let bytesMax: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false

    /// Opens a file; standard input for nil.
    ///
    /// - Throws: ``OperatorError`` `file`.
    init(path: String?, bytesMax: Int) throws(OperatorError) {
        self.bytesMax = bytesMax
        name = path.map(TerminalText.quoted) ?? "standard input"
        guard let path else {
            descriptor = STDIN_FILENO
            return
        }
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw fileError("\(name) cannot be opened") }
    }

    deinit {
        if descriptor > STDIN_FILENO { close(descriptor) }
    }

    /// The next line; nil at the end.
    ///
    /// - Throws: ``OperatorError`` `file`.
    mutating func next() throws(OperatorError) -> Line? {
        var line: [UInt8] = []
        var isTooLong = false
        while true {
            if position == buffer.count {
                if !isAtEnd { isAtEnd = try !fill() }
                if isAtEnd {
                    if isTooLong { return .tooLong }
                    return line.isEmpty ? nil : .line(line)
                }
            }
            let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n"))
            let part = buffer[position..<(end ?? buffer.count)]
            position = end.map { $0 + 1 } ?? buffer.count
            if isTooLong || line.count + part.count > bytesMax {
                isTooLong = true
                line = []
            } else {
                line += part
            }
            if end != nil { return isTooLong ? .tooLong : .line(line) }
        }
    }

    private mutating func fill() throws(OperatorError) -> Bool {
        let size = 1 << 16
        var count = 0
        buffer = [UInt8](unsafeUninitializedCapacity: size) { space, filled in
            repeat { count = read(descriptor, space.baseAddress, size) } while count < 0 && errno == EINTR
            filled = max(0, count)
        }
        position = 0
        if count < 0 { throw fileError("\(name) cannot be read") }
        return count > 0
    }
}

/// Writes to a file or standard output; a file appears under its name when it is whole.
struct WholeFileWriter: ~Copyable {
    private let descriptor: Int32
    private let path: String?
    private var isDone = false

    /// Begins a file; standard output for nil.
    ///
    /// - Throws: ``OperatorError`` `file`.
    init(path: String?) throws(OperatorError) {
        self.path = path
        guard let path else {
            descriptor = STDOUT_FILENO
            return
        }
        // What a node has learned is for nobody else's eyes.
        descriptor = open(path + ".partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if descriptor < 0 { throw fileError("\(TerminalText.quoted(path + ".partial")) cannot be made") }
    }

    deinit {
        guard let path else { return }
        close(descriptor)
        if !isDone { unlink(path + ".partial") }
    }

    /// Writes bytes.
    ///
    /// - Throws: ``OperatorError`` `file`.
    func write(_ bytes: [UInt8]) throws(OperatorError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { throw fileError("\(path.map(TerminalText.quoted) ?? "standard output") cannot be written") }
            rest = rest.dropFirst(count)
        }
    }

    /// Makes sure that it is on the disk, and gives it its name.
    ///
    /// - Throws: ``OperatorError`` `file`.
    mutating func finish() throws(OperatorError) {
        guard let path else { return }
        guard fsync(descriptor) == 0, rename(path + ".partial", path) == 0 else {
            throw fileError("\(TerminalText.quoted(path)) cannot be written")
        }
        isDone = true
    }
}

private func fileError(_ what: String) -> OperatorError {
    OperatorError(.file, "\(what): \(String(cString: strerror(errno)))")
}
