import Foundation
import Synchronization

/// The folder in which all servers of this test process keep their files; it is gone when the process is, however it
/// ends.
///
/// A small shell process waits on a pipe for this process to end, because a crash runs no code of ours.
package final class TemporaryFolder: Sendable {
    /// The folder of this process.
    package static let shared = TemporaryFolder()

    /// The folder's path; short, because a Unix socket's path has at most 107 bytes.
    package let path: String
    private let counter = Atomic<Int>(0)

    private init() {
        let base = FileManager.default.temporaryDirectory.path
        path = "\(base)/parley-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            // Postgres runs as another user and must be able to walk into its folder.
            try FileManager.default.setAttributes([.posixPermissions: 0o711], ofItemAtPath: path)
            try startCleaner()
        } catch {
            preconditionFailure("cannot make a temporary folder at \(path): \(error)")
        }
    }

    /// A new, empty folder under this one.
    package func makeFolder(_ prefix: String) throws -> String {
        let folder = uniquePath(prefix)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    /// A path under this folder at which nothing is.
    package func uniquePath(_ prefix: String, suffix: String = "") -> String {
        "\(path)/\(prefix)-\(counter.wrappingAdd(1, ordering: .relaxed).newValue)\(suffix)"
    }

    /// The cleaner reads from a pipe whose other end only this process holds, waits for the Postgres servers (which end
    /// on the same occasion) to have put their files away, and removes the folder.
    private func startCleaner() throws {
        let script = """
            cat >/dev/null
            for attempt in 1 2 3 4 5 6 7 8 9 10; do
              ls "$1"/*/postmaster.pid >/dev/null 2>&1 || break
              sleep 0.2
            done
            for folder in "$1"/*/; do mountpoint -q "$folder" && umount -l "$folder"; done
            rm -rf "$1" || { sleep 1; rm -rf "$1"; }
            """
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw TestKitError(.startFailed, "pipe: errno \(errno)") }
        let readEnd = ends[0]
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        var spawn = SpawnRequest(path: "/bin/sh", arguments: ["-c", script, "cleaner", path])
        spawn.standardInput = readEnd
        _ = try SpawnThread.shared.spawn(spawn)
        close(readEnd)
    }
}
