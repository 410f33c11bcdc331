package import Foundation
import Synchronization

/// A process that a test started: a server, or one of our own executables.
///
/// It dies with the test process, also when that crashes or is killed.
package final class ChildProcess: Sendable {
    /// How a process ended.
    package enum Exit: Sendable, Equatable {
        /// It ended by itself with this code.
        case exited(Int32)
        /// A signal ended it.
        case signaled(Int32)
    }

    /// Signals that end a child together with the test process, by the names that setpriv(1) knows.
    package enum DeathSignal: String, Sendable {
        /// SIGKILL.
        case kill = "KILL"
        /// SIGQUIT, which Postgres takes as an immediate shutdown.
        case quit = "QUIT"
        /// SIGTERM.
        case terminate = "TERM"
    }

    /// How to start a process.
    package struct Configuration: Sendable {
        /// The environment; nil (the default) means this process's.
        package var environment: [String: String]?
        /// The folder to start in; nil (the default) means this process's.
        package var workingDirectory: String?
        /// The file that standard output and standard error are appended to; nil (the default) means a new one.
        package var logPath: String?
        /// A file for standard output alone; nil (the default) means that it goes to the log.
        package var standardOutputPath: String?
        /// The signal that it gets when the test process ends.
        ///
        /// Default: kill.
        package var deathSignal = DeathSignal.kill
        /// The user to run as, when the tests run as root; nil (the default) means the same user.
        package var user: String?

        /// The defaults.
        package init() {}
    }

    private enum State {
        case running
        case ended(Exit)
    }

    /// The process's id.
    package let pid: pid_t
    /// The name of the program, for messages.
    package let name: String
    /// The file with what it wrote.
    package let logPath: String
    private let state = Mutex(State.running)

    private init(pid: pid_t, name: String, logPath: String) {
        self.pid = pid
        self.name = name
        self.logPath = logPath
    }

    /// Starts a program; it is given by its full path.
    package static func launch(
        _ path: String,
        _ arguments: [String] = [],
        _ configuration: Configuration = Configuration()
    ) throws -> ChildProcess {
        guard access(path, X_OK) == 0 else { throw TestKitError(.missingProgram, "\(path) is not there") }
        let name = URL(fileURLWithPath: path).lastPathComponent
        let logPath = configuration.logPath ?? TemporaryFolder.shared.uniquePath(name, suffix: ".log")
        var wrapper = ["--pdeathsig", configuration.deathSignal.rawValue]
        if let user = configuration.user, geteuid() == 0 {
            wrapper += ["--reuid", user, "--regid", user, "--init-groups"]
        }
        var request = SpawnRequest(
            path: try Programs.find("setpriv"),
            arguments: wrapper + ["--", path] + arguments
        )
        request.environment = configuration.environment
        request.workingDirectory = configuration.workingDirectory
        request.standardOutputPath = configuration.standardOutputPath ?? logPath
        request.standardErrorPath = logPath
        let process = ChildProcess(pid: try SpawnThread.shared.spawn(request), name: name, logPath: logPath)
        process.watch()
        return process
    }

    /// What the process wrote so far, or its end when it is long.
    package func log(bytesMax: Int = 1 << 20) -> String {
        guard let data = FileManager.default.contents(atPath: logPath) else { return "" }
        return String(decoding: data.suffix(bytesMax), as: UTF8.self)
    }

    /// How the process ended; nil while it runs.
    package var exit: Exit? {
        state.withLock { state in
            if case .ended(let exit) = state { exit } else { nil }
        }
    }

    /// Whether the process runs.
    package var isRunning: Bool {
        exit == nil
    }

    /// Sends a signal; nothing happens when the process has ended.
    package func signal(_ number: Int32) {
        // Under the lock, so that the id cannot have been given to another process in between.
        state.withLock { state in
            if case .running = state { _ = kill(pid, number) }
        }
    }

    /// Waits for the process to end, `timeout` at most.
    @discardableResult
    package func wait(timeout: Duration = .seconds(60)) async throws -> Exit {
        try await eventuallyValue("the end of \(name)", timeout: timeout, interval: .milliseconds(2)) { exit }
    }

    /// Asks the process to end (SIGTERM) and kills it when it has not ended after `deadline`.
    @discardableResult
    package func terminate(deadline: Duration = .seconds(10)) async throws -> Exit {
        signal(SIGTERM)
        if let exit = try? await wait(timeout: deadline) { return exit }
        return try await kill9()
    }

    /// Asks the process to end (SIGTERM) and requires that it does so with status 0 within `deadline`, as invariant I10
    /// has it of every service.
    /// - Throws: `TestKitError` when it ended in another way, or did not end and was killed.
    package func terminateInOrder(deadline: Duration = .seconds(25)) async throws {
        signal(SIGTERM)
        guard let exit = try? await wait(timeout: deadline) else {
            try await kill9()
            throw TestKitError(
                .badExit,
                "\(name) (\(pid)) had not ended \(deadline) after SIGTERM and was killed; "
                    + "its log ends: \(log(bytesMax: 2000))"
            )
        }
        guard exit == .exited(0) else {
            throw TestKitError(
                .badExit,
                "\(name) (\(pid)) ended with \(exit) after SIGTERM, not with status 0; "
                    + "its log ends: \(log(bytesMax: 2000))"
            )
        }
    }

    /// Kills the process (SIGKILL) and waits until it is gone.
    @discardableResult
    package func kill9() async throws -> Exit {
        signal(SIGKILL)
        return try await wait()
    }

    /// Stops the process in its tracks (SIGSTOP), as a machine does that hangs.
    package func pause() {
        signal(SIGSTOP)
    }

    /// Lets a paused process go on (SIGCONT).
    package func resume() {
        signal(SIGCONT)
    }

    /// Reaps the process on a thread of its own, because waitid(2) blocks.
    private func watch() {
        Thread.detachNewThread { [self] in
            var info = siginfo_t()
            while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
            state.withLock { state in
                var status: Int32 = 0
                let result = waitpid(pid, &status, 0)
                let signal = status & 0x7F
                let isSignal = result == pid && signal != 0
                state = .ended(isSignal ? .signaled(signal) : .exited((status >> 8) & 0xFF))
            }
        }
    }
}

extension ChildProcess {
    /// What a finished command said.
    package struct CommandResult: Sendable {
        /// How it ended.
        package let exit: Exit
        /// Its standard output.
        package let standardOutput: String
        /// Its standard error.
        package let standardError: String
    }

    /// Runs a command to its end.
    package static func run(
        _ path: String,
        _ arguments: [String] = [],
        _ configuration: Configuration = Configuration(),
        timeout: Duration = .seconds(60)
    ) async throws -> CommandResult {
        var configuration = configuration
        let outputPath =
            configuration.standardOutputPath ?? TemporaryFolder.shared.uniquePath("command", suffix: ".out")
        configuration.standardOutputPath = outputPath
        let process = try launch(path, arguments, configuration)
        do {
            let exit = try await process.wait(timeout: timeout)
            let output = FileManager.default.contents(atPath: outputPath) ?? Data()
            return CommandResult(
                exit: exit,
                standardOutput: String(decoding: output, as: UTF8.self),
                standardError: process.log()
            )
        } catch {
            process.signal(SIGKILL)
            throw error
        }
    }
}
