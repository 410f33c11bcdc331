import Glibc
package import Observability
import Synchronization

extension PolicyBundle {
    /// What the files of a folder are, as far as that is seen without reading them: any write, replacement or change of
    /// rights makes another one.
    package struct Stamp: Sendable, Equatable {
        private struct File: Sendable, Equatable {
            let name: String
            let number: UInt
            let size: Int
            let changedSeconds: Int
            let changedNanoseconds: Int
        }

        private let files: [File]

        /// Looks at a folder.
        ///
        /// A file that goes while it is looked at is left out: the next look sees the same without it. - Throws:
        /// ``PolicyError`` `unreadable`.
        package init(folder: String) throws {
            files = try PolicyBundle.fileNames(in: folder).compactMap { name in
                var status = stat()
                guard stat("\(folder)/\(name)", &status) == 0 else { return nil }
                return File(
                    name: name,
                    number: UInt(status.st_ino),
                    size: Int(status.st_size),
                    changedSeconds: Int(status.st_ctim.tv_sec),
                    changedNanoseconds: Int(status.st_ctim.tv_nsec)
                )
            }
        }
    }
}

/// Takes on the policies of a folder when they change.
///
/// Policies that cannot be used leave those in force that were there before: they are logged, and ``problem`` says so
/// until the files are right.
package final class PolicyFolderWatch: Sendable {
    private struct State {
        var machine: PolicyFolderStateMachine
        var problem: String?
    }

    private let folder: String
    private let engine: EmbeddedOPA
    private let logger: Logger
    private let didChange: @Sendable () -> Void
    private let state: Mutex<State>

    /// Makes a watch.
    /// - Parameters:
    ///   - folder: The folder.
    ///   - stamp: What its files were before the engine's policies were read from it.
    ///   - engine: Takes on what is new.
    ///   - logger: For changes, and for policies that cannot be used.
    ///   - didChange: Is called when new policies are in force.
    package init(
        _ folder: String,
        since stamp: PolicyBundle.Stamp,
        engine: EmbeddedOPA,
        logger: Logger,
        didChange: @escaping @Sendable () -> Void
    ) {
        self.folder = folder
        self.engine = engine
        self.logger = logger
        self.didChange = didChange
        state = Mutex(State(machine: PolicyFolderStateMachine(read: stamp)))
    }

    /// Why the files are not what is in force; nil when they are.
    package var problem: String? { state.withLock(\.problem) }

    /// Looks at the folder once, and takes on what has changed; to be called by one task, again and again.
    package func look() async {
        do {
            let stamp = try PolicyBundle.Stamp(folder: folder)
            let isDue = state.withLock { state in
                if state.machine.isInForce(stamp) { state.problem = nil }
                return state.machine.isDue(stamp)
            }
            guard isDue else { return }
            try await reload(stamp)
            state.withLock { $0.problem = nil }
            didChange()
        } catch {
            note(error)
        }
    }

    private func reload(_ stamp: PolicyBundle.Stamp) async throws {
        do {
            try await engine.reload(try PolicyBundle(folder: folder))
            state.withLock { $0.machine.finish(stamp, isUsable: true) }
        } catch let error as PolicyError where error.code == .badPolicy || error.code == .badDecision {
            // Only the files can change that; whatever else it was, the next look tries again.
            state.withLock { $0.machine.finish(stamp, isUsable: false) }
            throw error
        }
    }

    private func note(_ error: any Error) {
        let reason = (error as? PolicyError)?.description ?? "the policies cannot be read"
        let isNew = state.withLock { state in
            defer { state.problem = reason }
            return state.problem != reason
        }
        if isNew {
            logger.error("changed policies cannot be used: those before stay in force", [.error: .error(error)])
        }
    }
}
