import Glibc
import TestKit

/// What the kernel says of a process.
struct ProcessUsage {
    /// CPU time so far.
    let cpu: Duration
    /// Resident memory, in bytes.
    let residentBytes: Int

    /// Reads `/proc/PID`.
    init(pid: Int32) throws {
        let stat = try Self.read("/proc/\(pid)/stat")
        // The name in the second field may hold anything; what follows its last parenthesis is plain.
        let fields = stat[stat.index(after: stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        guard fields.count > 21, let user = Int(fields[11]), let system = Int(fields[12]), let pages = Int(fields[21])
        else { throw BenchmarkError("/proc/\(pid)/stat cannot be read") }
        cpu = .milliseconds((user + system) * 1000 / sysconf(Int32(_SC_CLK_TCK)))
        residentBytes = pages * sysconf(Int32(_SC_PAGESIZE))
    }

    private static func read(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw BenchmarkError("\(path) cannot be read") }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
