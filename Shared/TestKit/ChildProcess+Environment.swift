import Foundation

extension ChildProcess {
    /// The environment of this process, which a child gets unless the test gives it another.
    package static func inheritedEnvironment() -> [String: String] {
        ProcessInfo.processInfo.environment
    }

    /// Whether the lines are counted that run: a program writes what it counted when it ends by itself, and only then.
    static var countsLines: Bool {
        ProcessInfo.processInfo.environment["LLVM_PROFILE_FILE"] != nil
    }
}
