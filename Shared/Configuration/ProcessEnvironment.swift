import Glibc

/// The environment of this process.
package enum ProcessEnvironment {
    /// All variables; of one that stands twice the first counts, as for getenv(3).
    package static func current() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let pointer = entry.pointee {
            let text = String(cString: pointer)
            if let equals = text.firstIndex(of: "="), variables[String(text[..<equals])] == nil {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            entry += 1
        }
        return variables
    }
}

/// Reads files with secrets.
package enum SecretFile {
    /// The content of a file; nil when it cannot be read or is longer than `bytesMax`.
    package static func contents(of path: String, bytesMax: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        var used = 0
        while used < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: used), buffer.count - used)
            }
            if count < 0 { return nil }
            if count == 0 { return Array(bytes[..<used]) }
            used += count
        }
        return nil
    }
}
