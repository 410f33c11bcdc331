import Foundation

/// A file of the repository as the checks see it: they are pure functions over its path and its text.
struct SourceFile: Sendable {
    /// The path from the package's root.
    let path: String
    let text: String
    /// The lines as they are.
    let lines: [Substring]
    /// For Swift: the lines with comments and the contents of literals blanked out, so that a check sees code only.
    let codeLines: [Substring]

    init(path: String, text: String) {
        self.path = path
        // Native text, so that lines can be searched as bytes.
        var text = text
        text.makeContiguousUTF8()
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        codeLines =
            path.hasSuffix(".swift")
            ? SwiftMask.code(of: text).split(separator: "\n", omittingEmptySubsequences: false)
            : lines
    }

    var name: Substring { path.split(separator: "/").last ?? "" }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }
    var isMakefile: Bool { name == "Makefile" }

    func isUnder(_ folders: String...) -> Bool {
        folders.contains { path.hasPrefix($0 + "/") }
    }

    /// The lines of code that contain one of the words, counted from 0.
    func codeLinesWith(_ words: [String]) -> [(index: Int, line: Substring)] {
        Self.lines(codeLines, with: words)
    }

    /// The lines that contain one of the words, counted from 0.
    func linesWith(_ words: [String]) -> [(index: Int, line: Substring)] {
        Self.lines(lines, with: words)
    }

    private static func lines(_ lines: [Substring], with words: [String]) -> [(index: Int, line: Substring)] {
        let needles = words.map { Array($0.utf8) }
        return lines.enumerated().compactMap { index, line in
            let hasWord = needles.contains { needle in
                line.utf8.withContiguousStorageIfAvailable { contains($0, needle) } ?? true
            }
            return hasWord ? (index, line) : nil
        }
    }

    private static func contains(_ line: UnsafeBufferPointer<UInt8>, _ needle: [UInt8]) -> Bool {
        guard var start = line.baseAddress, let first = needle.first else { return false }
        let end = start + line.count
        // The C library's searches: this runs over every line of the repository, in a debug build.
        while let found = memchr(start, Int32(first), end - start) {
            let position = found.assumingMemoryBound(to: UInt8.self)
            if end - UnsafePointer(position) < needle.count { return false }
            if memcmp(position, needle, needle.count) == 0 { return true }
            start = UnsafePointer(position) + 1
        }
        return false
    }

    func violation(_ line: Int, _ message: String) -> Violation {
        Violation(path: path, line: line, message: message)
    }
}

/// Something that a check found.
struct Violation: Sendable, Equatable, CustomStringConvertible {
    let path: String
    /// From 1; 0 for the file as a whole.
    let line: Int
    let message: String

    var description: String { "\(path):\(line): \(message)" }
}
