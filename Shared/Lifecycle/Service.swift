/// A part of a process that runs as long as the process does: a server, a consumer, a relay.
package protocol Service: Sendable {
    /// The part's name, in log lines.
    var name: String { get }
    /// Does the part's work; returns after ``shutdown()`` was called and what ran was finished. It must also end soon
    /// when its task is cancelled, which happens when the deadline of a shutdown has passed.
    func run() async throws
    /// Asks the part to take in nothing new and to end its ``run()``. Called once; may return before the run has ended.
    func shutdown() async
}
