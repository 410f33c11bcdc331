import Dispatch
import Foundation
import JSON
import Synchronization

/// A model for tests: an HTTP server on loopback that speaks OpenAI's chat completions and answers as a script says.
///
/// ```swift
/// let model = try ScriptedModelServer(.sequence([.error(429, retryAfter: "1"), .text("Hello")]))
/// profile.baseURL = model.baseURL
/// ```
///
/// Each connection has a thread of its own with blocking calls, which is what lets a script cut a stream in the middle,
/// send what is not HTTP, or stay silent. It serves `POST …/chat/completions` and `GET …/models`.
package final class ScriptedModelServer: Sendable {
    /// The limits of a server.
    package struct Configuration: Sendable {
        /// Requests that are kept to be looked at; older ones go.
        package var recordedRequestsMax = 1000
        /// The longest body of a request, in bytes.
        package var bodyBytesMax = 16 << 20
        /// The port; 0 takes a free one.
        package var port: UInt16 = 0

        /// The defaults.
        package init() {}
    }

    private struct State {
        var script: ScriptedModelScript
        var recorded: [ScriptedModelRequest] = []
        var requestCount = 0
        var connectionCount = 0
        var hangUpCount = 0
        var open: Set<Int32> = []
        var isStopped = false
    }

    /// The port it listens on.
    package let port: UInt16
    private let configuration: Configuration
    private let listener: Int32
    private let state: Mutex<State>

    /// Starts a server.
    ///
    /// - Throws: `TestKitError` if no socket can be had.
    package init(
        _ script: ScriptedModelScript = .echo,
        configuration: Configuration = Configuration()
    ) throws {
        let (listener, port) = try Self.listen(configuration.port)
        self.listener = listener
        self.port = port
        self.configuration = configuration
        self.state = Mutex(State(script: script))
        Thread.detachNewThread { [weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                guard let self, self.register(descriptor) else {
                    close(descriptor)
                    return
                }
                Thread.detachNewThread { [weak self] in
                    ScriptedModelConnection(descriptor: descriptor).serve { self }
                    self?.unregister(descriptor)
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        stop()
        close(listener)
    }

    /// The base URL for a profile: with the version, without the call.
    package var baseURL: String { "http://127.0.0.1:\(port)/v1" }
    /// The last requests, oldest first.
    package var requests: [ScriptedModelRequest] { state.withLock { $0.recorded } }
    /// How many requests there were.
    package var requestCount: Int { state.withLock { $0.requestCount } }
    /// How many connections were accepted.
    package var connectionCount: Int { state.withLock { $0.connectionCount } }
    /// How often a client hung up before its answer was complete.
    package var hangUpCount: Int { state.withLock { $0.hangUpCount } }

    /// Answers as another script says from the next request on, and counts and records from 0 again.
    package func setScript(_ script: ScriptedModelScript) {
        state.withLock { state in
            state.script = script
            state.requestCount = 0
            state.recorded = []
        }
    }

    /// Closes the port and every connection.
    package func stop() {
        let open = state.withLock { state in
            state.isStopped = true
            return state.open
        }
        // Only shutdown wakes a blocked accept or recv; the threads close what they own.
        _ = shutdown(listener, Int32(SHUT_RDWR))
        for descriptor in open {
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
        }
    }

    // MARK: What connections ask

    /// Notes a request and says what is to be done for it.
    func steps(headers: [String: String], body: JSONValue) -> [ScriptedModelEncoder.Step] {
        let (request, decision) = state.withLock { state in
            let request = ScriptedModelRequest(number: state.requestCount, headers: headers, body: body)
            state.requestCount += 1
            state.recorded.append(request)
            if state.recorded.count > 2 * configuration.recordedRequestsMax {
                state.recorded.removeFirst(state.recorded.count - configuration.recordedRequestsMax)
            }
            return (request, state.script.decision)
        }
        switch decision {
        case .immediate(let decide):
            return ScriptedModelEncoder(request: request, reply: decide(request)).steps()
        case .later(let decide):
            let outcome = Outcome()
            let done = DispatchSemaphore(value: 0)
            // unstructured: the connection's own thread waits for it; there is no task that could be its parent.
            Task {
                let reply = await decide(request)
                outcome.reply.withLock { $0 = reply }
                done.signal()
            }
            done.wait()
            return ScriptedModelEncoder(request: request, reply: outcome.reply.withLock { $0 } ?? .hang).steps()
        }
    }

    var bodyBytesMax: Int { configuration.bodyBytesMax }

    func noteHangUp() {
        state.withLock { $0.hangUpCount += 1 }
    }

    private final class Outcome: Sendable {
        let reply = Mutex<ScriptedModelReply?>(nil)
    }

    private func register(_ descriptor: Int32) -> Bool {
        state.withLock { state in
            guard !state.isStopped else { return false }
            state.connectionCount += 1
            state.open.insert(descriptor)
            return true
        }
    }

    private func unregister(_ descriptor: Int32) {
        state.withLock { _ = $0.open.remove(descriptor) }
    }

    private static func listen(_ port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in.loopback(port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 1024) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isListening else {
            let reason = errno
            close(descriptor)
            throw TestKitError(.socket, "the scripted model cannot listen on 127.0.0.1:\(port) (errno \(reason))")
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }
}
