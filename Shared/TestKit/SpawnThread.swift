import Dispatch
import Foundation
import Synchronization

/// What `posix_spawn` is asked to start.
struct SpawnRequest: Sendable {
    /// The executable's full path.
    var path: String
    /// Arguments without the program's own name.
    var arguments: [String]
    /// The environment; nil means this process's.
    var environment: [String: String]?
    /// The folder that the process starts in; nil means this process's.
    var workingDirectory: String?
    /// A descriptor for standard input; nil means an empty one.
    var standardInput: Int32?
    /// The file that standard output is appended to; nil means nowhere.
    var standardOutputPath: String?
    /// The file that standard error is appended to; nil means nowhere.
    var standardErrorPath: String?

    init(path: String, arguments: [String]) {
        self.path = path
        self.arguments = arguments
    }
}

/// Starts all child processes from one thread that lives as long as this process.
///
/// A child that asks for a signal at its parent's death (prctl(2), `PR_SET_PDEATHSIG`) gets it when the *thread* that
/// started it ends; threads of a pool end at any time.
final class SpawnThread: Sendable {
    static let shared = SpawnThread()

    private let jobs = Mutex<[@Sendable () -> Void]>([])
    private let wakeUp = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                wakeUp.wait()
                let job = jobs.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                job?()
            }
        }
    }

    /// Starts a process and gives its id.
    func spawn(_ request: SpawnRequest) throws -> pid_t {
        let reply = Reply()
        jobs.withLock {
            $0.append {
                let outcome = Self.run(request)
                reply.outcome.withLock { $0 = outcome }
                reply.done.signal()
            }
        }
        wakeUp.signal()
        reply.done.wait()
        guard let outcome = reply.outcome.withLock({ $0 }) else {
            throw TestKitError(.startFailed, "\(request.path) was not started")
        }
        return try outcome.get()
    }

    private final class Reply: Sendable {
        let outcome = Mutex<Result<pid_t, TestKitError>?>(nil)
        let done = DispatchSemaphore(value: 0)
    }

    private static func run(_ request: SpawnRequest) -> Result<pid_t, TestKitError> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        prepare(&actions, request)
        prepare(&attributes)

        let arguments = [request.path] + request.arguments
        let environment = (request.environment ?? ChildProcess.inheritedEnvironment()).map { "\($0)=\($1)" }
        var pid: pid_t = 0
        let status = withCStrings(arguments) { argv in
            withCStrings(environment) { envp in
                posix_spawn(&pid, request.path, &actions, &attributes, argv, envp)
            }
        }
        guard status == 0 else {
            return .failure(
                TestKitError(.startFailed, "cannot start \(request.path): \(String(cString: strerror(status)))")
            )
        }
        return .success(pid)
    }

    private static func prepare(_ actions: inout posix_spawn_file_actions_t, _ request: SpawnRequest) {
        if let descriptor = request.standardInput {
            posix_spawn_file_actions_adddup2(&actions, descriptor, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        let append = O_WRONLY | O_CREAT | O_APPEND
        let output = request.standardOutputPath ?? "/dev/null"
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, append, 0o644)
        let error = request.standardErrorPath ?? "/dev/null"
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error, append, 0o644)
        if let directory = request.workingDirectory {
            GNUSpawn.changeDirectory(&actions, directory)
        }
        // A test's own sockets must not stay open in a child after the test closed them.
        GNUSpawn.closeFrom(&actions, STDERR_FILENO + 1)
    }

    /// The child starts with no signal blocked or ignored, whatever this process does, and in a group of its own.
    private static func prepare(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    private static func withCStrings<T>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> T
    ) -> T {
        var pointers = strings.map { strdup($0) }
        pointers.append(nil)
        defer {
            for pointer in pointers {
                free(pointer)
            }
        }
        return pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("a non-empty array has an address") }
            return body(base)
        }
    }
}

/// Two of glibc's additions to `posix_spawn` (2.29 and 2.34), which its headers hide from Swift.
private enum GNUSpawn {
    private typealias ChangeDirectory =
        @convention(c) (
            UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>
        ) -> Int32
    private typealias CloseFrom = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32

    static func changeDirectory(_ actions: inout posix_spawn_file_actions_t, _ path: String) {
        let function = dlsym(nil, "posix_spawn_file_actions_addchdir_np")
        _ = unsafeBitCast(function, to: ChangeDirectory.self)(&actions, path)
    }

    static func closeFrom(_ actions: inout posix_spawn_file_actions_t, _ descriptor: Int32) {
        let function = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np")
        _ = unsafeBitCast(function, to: CloseFrom.self)(&actions, descriptor)
    }
}
