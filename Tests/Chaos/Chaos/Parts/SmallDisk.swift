import Foundation
import TestKit

/// A file system of a fixed size in memory, for a database whose disk is to run full.
///
/// Needs root.
struct SmallDisk: Sendable {
    /// Where it is mounted.
    let folder: String

    /// Mounts one.
    /// - Throws: ``ChaosError`` when this user may not mount.
    init(megabytes: Int) async throws {
        folder = try TemporaryFolder.shared.makeFolder("disk")
        let result = try await ChildProcess.run(
            try Programs.find("mount"),
            ["-t", "tmpfs", "-o", "size=\(megabytes)m,mode=0711", "parley-chaos", folder]
        )
        guard result.exit == .exited(0) else {
            throw ChaosError("a small disk cannot be mounted, which needs root: \(result.standardError)")
        }
    }

    private var ballast: String { folder + "/ballast" }

    /// Fills it to the last byte.
    func fill() throws {
        guard FileManager.default.createFile(atPath: ballast, contents: nil),
            let file = FileHandle(forWritingAtPath: ballast)
        else { throw ChaosError("the small disk cannot be written to") }
        defer { try? file.close() }
        for size in [1 << 20, 4096] {
            let block = Data(count: size)
            while (try? file.write(contentsOf: block)) != nil {}
        }
    }

    /// Makes room again.
    func free() throws {
        try FileManager.default.removeItem(atPath: ballast)
    }

    /// Unmounts it.
    func discard() async {
        _ = try? await ChildProcess.run(Programs.find("umount"), ["-l", folder])
    }
}
