import Glibc
package import Observability

/// How a group of services ended; the raw value is the process's exit code.
package enum ExitReason: Int32, Sendable {
    /// A stop was requested, and everything ended in time, if need be because it was cancelled.
    case clean = 0
    /// A service failed, or ended although nobody asked it to.
    case serviceFailed = 1
    /// Something did not end even when it was cancelled.
    case deadlineExceeded = 2
    /// A second signal came while stopping (128 + SIGINT, as shells count).
    case interrupted = 130
}

/// Runs the parts of a process: starts them in order and, on SIGTERM or SIGINT, stops them in reverse order, each
/// after the one before it has ended.
///
/// List services so that each comes after those it needs: the listener last, so that intake stops first. Past the
/// deadline all that still runs is cancelled, and what ignores that does not keep the process: it exits.
package struct ServiceGroup: Sendable {
    /// Times of a shutdown.
    package struct Configuration: Sendable {
        /// How long an orderly stop may take.
        ///
        /// Default 20 s: with ``cancellationGrace`` a process ends within 25 s, and orchestrators kill after 30.
        package var shutdownDeadline: Duration = .seconds(20)
        /// How long what was cancelled may take to notice.
        ///
        /// Default 4 s.
        package var cancellationGrace: Duration = .seconds(4)

        /// The defaults.
        package init() {}
    }

    private enum Event: Sendable {
        case stopRequested(signal: Int32?)
        case ended(Int, (any Error)?)
        case shutdownReturned
        case deadlineReached
        case graceOver
        case timerCancelled
    }

    private let services: [any Service]
    private let configuration: Configuration
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let stopRequests: AsyncStream<Int32>
    private let forceExit: @Sendable (ExitReason) -> Void

    /// Makes a group.
    /// - Parameters:
    ///   - services: At least one, each after those it needs.
    ///   - configuration: Times of a shutdown.
    ///   - logger: For starts, stops and failures.
    ///   - clock: Measures the times; tests give their own.
    ///   - stopRequests: Numbers of signals that ask for a stop; by default those of the process.
    ///   - forceExit: Leaves the process when something does not end even when cancelled; by default `_exit`.
    package init(
        services: [any Service],
        configuration: Configuration = Configuration(),
        logger: Logger,
        clock: any Clock<Duration> = ContinuousClock(),
        stopRequests: AsyncStream<Int32>? = nil,
        forceExit: @escaping @Sendable (ExitReason) -> Void = { _exit($0.rawValue) }
    ) {
        precondition(!services.isEmpty, "a group needs a service")
        self.services = services
        self.configuration = configuration
        self.logger = logger
        self.clock = clock
        self.stopRequests = stopRequests ?? ProcessSignals.stream(of: [SIGTERM, SIGINT])
        self.forceExit = forceExit
    }

    /// Runs all services until one ends or a stop is requested, stops the others, and says how it went.
    package func run() async -> ExitReason {
        await withTaskGroup(of: Event.self) { group in
            var machine = ServiceGroupStateMachine(serviceCount: services.count)
            var status = ExitReason.clean
            var grace: Task<Void, Never>?
            group.addTask { await nextStopRequest() }
            for index in services.indices {
                logger.info("service starts", [.component: .string(services[index].name)])
                group.addTask { await runService(index) }
            }
            while let event = await group.next() {
                let action = handle(event, &machine)
                if case .stopRequested(.some) = event {
                    group.addTask { await nextStopRequest() }
                }
                switch action {
                case .none: break
                case .beginStopping(let index):
                    group.addTask { await timer(configuration.shutdownDeadline, then: .deadlineReached) }
                    group.addTask { await shutDown(index) }
                case .shutDown(let index):
                    group.addTask { await shutDown(index) }
                case .cancel:
                    group.cancelAll()
                    let timer = graceTimer()
                    grace = timer
                    group.addTask {
                        await timer.value
                        return .graceOver
                    }
                case .finish(let end):
                    status = end
                    grace?.cancel()
                    group.cancelAll()
                    logger.info("all services have ended", [.status: .integer(end.rawValue)])
                case .forceExit(let end):
                    status = end
                    logger.critical("services do not end: leaving", [.status: .integer(end.rawValue)])
                    forceExit(end)
                }
            }
            return status
        }
    }

    /// Logs an event and asks the state machine what follows from it.
    private func handle(_ event: Event, _ machine: inout ServiceGroupStateMachine) -> ServiceGroupStateMachine.Action {
        switch event {
        case .stopRequested(let signal):
            logger.info("stop requested", [.code: .integer(signal ?? 0)])
            return machine.stopRequested()
        case .ended(let index, let error):
            let name = LogValue.string(services[index].name)
            let isFailure = error.map { !($0 is CancellationError) } ?? false
            if let error, isFailure {
                logger.error("service failed", [.component: name, .error: .error(error)])
            } else {
                logger.info("service ended", [.component: name])
            }
            return machine.serviceEnded(index, hasFailed: isFailure)
        case .deadlineReached:
            logger.warning("services did not end within the deadline: cancelling them")
            return machine.deadlineReached()
        case .graceOver:
            return machine.graceOver()
        case .shutdownReturned:
            return machine.shutdownReturned()
        case .timerCancelled:
            return .none
        }
    }

    private func runService(_ index: Int) async -> Event {
        do {
            try await services[index].run()
            return .ended(index, nil)
        } catch {
            return .ended(index, error)
        }
    }

    private func shutDown(_ index: Int) async -> Event {
        logger.debug("service is asked to end", [.component: .string(services[index].name)])
        await services[index].shutdown()
        return .shutdownReturned
    }

    /// The next signal; none when the stream ends or this task is cancelled.
    private func nextStopRequest() async -> Event {
        for await signal in stopRequests {
            return .stopRequested(signal: signal)
        }
        return .stopRequested(signal: nil)
    }

    private func timer(_ duration: Duration, then event: Event) async -> Event {
        do {
            try await clock.sleep(for: duration)
            return event
        } catch {
            return .timerCancelled
        }
    }

    /// The timer that guards against tasks that ignore their cancellation.
    private func graceTimer() -> Task<Void, Never> {
        let clock = clock
        let duration = configuration.cancellationGrace
        // unstructured: a child task would be cancelled together with those whose end it limits.
        return Task.detached { try? await clock.sleep(for: duration) }
    }
}
