import Foundation

/// A file that is gone when the benchmark is.
enum TemporaryFile {
    /// Writes `text` into a new file.
    /// - Returns: Its path.
    static func write(_ text: String) throws -> String {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("parley-bench-\(UUID().uuidString)")
        try Data(text.utf8).write(to: url)
        return url.path
    }
}
