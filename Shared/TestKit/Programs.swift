import Foundation

/// Finds the programs that tests start.
package enum Programs {
    private static let folders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"]

    /// The full path of a program of the system.
    package static func find(_ name: String) throws -> String {
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        throw TestKitError(.missingProgram, "\(name) is not installed; run `make setup`")
    }

    /// The full path of one of Postgres's own programs, of the newest version that is installed.
    static func findPostgres(_ name: String) throws -> String {
        let base = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        for version in versions.compactMap(Int.init).sorted(by: >) {
            let path = "\(base)/\(version)/bin/\(name)"
            if access(path, X_OK) == 0 { return path }
        }
        return try find(name)
    }

    /// The full path of a binary that `deploy/local/vendor.sh` fetches.
    static func findVendored(_ path: String) throws -> String {
        let full = PackageRoot.path + "/.vendor/" + path
        guard access(full, R_OK) == 0 else {
            throw TestKitError(.missingProgram, ".vendor/\(path) is not there: run deploy/local/vendor.sh")
        }
        return full
    }
}

/// The folder with `Package.swift`.
package enum PackageRoot {
    /// Its path, found from where this source file is.
    package static let path = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
}

/// The executables that the build made beside the tests that run.
package enum BuiltProducts {
    /// The folder of the running test program, or the debug build's when the tests are run by another program.
    package static let folder: String = {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let beside = URL(fileURLWithPath: program).deletingLastPathComponent().path
        let isBuild = FileManager.default.fileExists(atPath: beside + "/parley-gateway")
        return isBuild ? beside : PackageRoot.path + "/.build/debug"
    }()

    /// The full path of an executable product, such as `parley-gateway`.
    package static func path(_ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        guard access(path, X_OK) == 0 else {
            throw TestKitError(.missingProgram, "\(name) is not built: run swift build")
        }
        return path
    }

    /// The OPA engine's library, `libopabridge.so`.
    package static func opaLibrary() throws -> String {
        try Programs.findVendored("lib/libopabridge.so")
    }
}
