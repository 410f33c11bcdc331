import Foundation

extension ChildProcess {
    /// The environment of this process, which a child gets unless the test gives it another.
    package static func inheritedEnvironment() -> [String: String] {
        ProcessInfo.processInfo.environment
    }
}
