import CSystem
import Lifecycle

/// Gives memory that is free inside of the process back to the system, again and again.
///
/// glibc keeps an arena for most threads and gives back only what is free at an arena's end. A burst of work on one
/// thread after another would leave its pages resident for good, a few MB each time.
final class MemoryTrimmer: Service {
    let name = "memory-trimmer"
    private static let interval = Duration.seconds(30)
    private let shutdownSignal = ShutdownSignal()

    /// Trims until it is shut down; a run takes a few milliseconds.
    func run() async throws {
        while await !shutdownSignal.wait(atMost: Self.interval) {
            csystem_trim_memory()
        }
    }

    /// Ends the run.
    func shutdown() async {
        shutdownSignal.raise()
    }
}
