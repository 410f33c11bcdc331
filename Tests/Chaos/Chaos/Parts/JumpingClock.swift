import Foundation
import TestKit

/// The wall clock of one service, which a scenario may move.
struct JumpingClock: Sendable {
    private let path: String

    /// The settings of the service whose clock it is.
    let environment: [String: String]

    /// Makes a clock that is right.
    /// - Throws: ``ChaosError`` when the library that moves it is not built.
    init() throws {
        path = TemporaryFolder.shared.uniquePath("clock")
        let library = BuiltProducts.folder + "/libparley-clockjump.so"
        guard FileManager.default.fileExists(atPath: library) else {
            throw ChaosError("libparley-clockjump.so is not built: run swift build")
        }
        environment = ["LD_PRELOAD": library, "CLOCK_JUMP_FILE": path]
        try set(.zero)
    }

    /// Moves the clock to so much before or after the right time.
    func set(_ jump: Duration) throws {
        var seconds = Int64(jump.components.seconds).littleEndian
        let bytes = withUnsafeBytes(of: &seconds) { Data($0) }
        // In place, because the service has mapped this very file.
        if let file = FileHandle(forWritingAtPath: path) {
            try file.write(contentsOf: bytes)
            try file.close()
        } else {
            try bytes.write(to: URL(filePath: path))
        }
    }
}
