package import Observability
package import Resilience
import Synchronization

/// How a component is.
package enum HealthStatus: String, Sendable {
    /// It works.
    case ok
    /// It works, more slowly or in part.
    case degraded
    /// It does not work.
    case down
}

/// What is known about a component.
package struct ComponentHealth: Sendable, Equatable {
    /// The component's name, such as `postgres`.
    package let name: String
    /// How it is.
    package let status: HealthStatus
    /// Since when it is so.
    package let since: WallClock
    /// The last error; it stays when the component has recovered, and says what was wrong.
    package let lastError: String?
    /// Whether the process cannot serve without it.
    package let isRequired: Bool
}

/// The health of all components of a process, for `/health` and `/readyz`.
///
/// The process is ready when no required component is down and no shutdown has begun.
package final class HealthRegistry: Sendable {
    private struct State {
        var components: [String: ComponentHealth] = [:]
        var isStopping = false
    }

    /// The longest error text that is kept, in bytes.
    package static let errorBytesMax = 512

    private let state = Mutex(State())
    private let now: @Sendable () -> WallClock

    /// Makes an empty registry; `now` is the clock.
    package init(now: @escaping @Sendable () -> WallClock = WallClock.now) {
        self.now = now
    }

    /// Adds a component, down until it reports.
    ///
    /// One that is not required never makes the process unready.
    package func register(_ name: String, isRequired: Bool = true) {
        let new = ComponentHealth(name: name, status: .down, since: now(), lastError: nil, isRequired: isRequired)
        state.withLock { $0.components[name] = new }
    }

    /// Reports how a component is; one that was not registered counts as required.
    ///
    /// `error` is a description without user text or secrets.
    package func report(_ name: String, _ status: HealthStatus, error: String? = nil) {
        let time = now()
        state.withLock { state in
            let old = state.components[name]
            state.components[name] = ComponentHealth(
                name: name,
                status: status,
                since: old.map { $0.status == status ? $0.since : time } ?? time,
                lastError: error ?? old?.lastError,
                isRequired: old?.isRequired ?? true
            )
        }
    }

    /// Says that the process stops: it is not ready from now on, so that load balancers send nothing more.
    package func beginShutdown() {
        state.withLock { $0.isStopping = true }
    }

    /// All components by name.
    package var components: [ComponentHealth] {
        state.withLock { $0.components.values.sorted { $0.name < $1.name } }
    }

    /// How a component is; nil when it is not known.
    package func status(of name: String) -> HealthStatus? {
        state.withLock { $0.components[name]?.status }
    }

    /// Whether the process can serve.
    package var isReady: Bool {
        state.withLock { state in
            !state.isStopping && state.components.values.allSatisfy { !$0.isRequired || $0.status != .down }
        }
    }

    /// The health of the whole: down when it is not ready, degraded when any component is not well.
    package var overall: HealthStatus {
        guard isReady else { return .down }
        return components.allSatisfy { $0.status == .ok } ? .ok : .degraded
    }

    /// All of it as a JSON object: `{"status":…,"components":{name:{"status":…,"since":…,"required":…,"last_error":…}},
    /// "breakers":{name:{"state":…,"since":…,"consecutive_failures":…,"last_error":…}}}`.
    package func renderJSON(breakers: [CircuitBreaker.Status] = []) -> [UInt8] {
        var bytes = Array("{\"status\":\"\(overall.rawValue)\",\"components\":{".utf8)
        for (index, component) in components.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            QuotedText.append(quoted: component.name, bytesMax: 128, to: &bytes)
            bytes += ":{\"status\":\"\(component.status.rawValue)\",\"since\":\"\(component.since.iso8601)\"".utf8
            bytes += ",\"required\":\(component.isRequired)".utf8
            if let error = component.lastError {
                bytes += ",\"last_error\":".utf8
                QuotedText.append(quoted: error, bytesMax: Self.errorBytesMax, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        bytes += "},\"breakers\":{".utf8
        for (index, breaker) in breakers.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            Self.append(breaker, to: &bytes)
        }
        bytes += "}}".utf8
        return bytes
    }

    private static func append(_ breaker: CircuitBreaker.Status, to bytes: inout [UInt8]) {
        QuotedText.append(quoted: breaker.name, bytesMax: 128, to: &bytes)
        bytes += ":{\"state\":\"\(breaker.state.rawValue)\",\"since\":\"\(breaker.since.iso8601)\"".utf8
        bytes += ",\"consecutive_failures\":\(breaker.consecutiveFailures)".utf8
        if let error = breaker.lastError {
            bytes += ",\"last_error\":".utf8
            QuotedText.append(quoted: error, bytesMax: errorBytesMax, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
