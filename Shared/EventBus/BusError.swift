import Errors
package import Resilience

/// What went wrong on the bus.
///
/// Messages name topics, limits and settings; never keys, bodies or credentials.
package struct BusError: DependencyError, DescribedError, Sendable, Equatable {
    /// The kinds of failure.
    package enum Code: String, Sendable, CaseIterable {
        /// The librdkafka that was loaded is too old.
        case libraryTooOld
        /// A setting is wrong.
        case configurationInvalid
        /// No broker answers.
        case brokerUnreachable
        /// The broker refuses the credentials or the operation.
        case notAuthorized
        /// The producer holds as much as it may.
        case queueFull
        /// A record is larger than it may be.
        case messageTooLarge
        /// A publish has more records than it may.
        case tooManyRecords
        /// The topic, or the partition in it, is not there.
        case unknownTopic
        /// A topic exists in another shape than asked for.
        case topicMismatch
        /// The broker did not acknowledge a record in time: it may have it or not.
        case deliveryTimedOut
        /// The producer was replaced after a fatal error: the broker may have the record or not.
        case producerReset
        /// A call was not answered in time.
        case timedOut
        /// The producer or consumer was closed.
        case closed
        /// The broker or librdkafka refuses for another reason, which the message gives.
        case refused
    }

    /// One record of a publish that was not delivered, as far as is known.
    package struct Failure: Sendable, Equatable {
        /// The record's place among those that were published, from 0.
        package let index: Int
        /// The record's topic.
        package let topic: String
        /// What went wrong.
        package let code: Code
        /// Whether publishing the same record again may work.
        package let isRetriable: Bool

        /// Makes a failure.
        package init(index: Int, topic: String, code: Code, isRetriable: Bool) {
            self.index = index
            self.topic = topic
            self.code = code
            self.isRetriable = isRetriable
        }
    }

    /// What went wrong.
    package let code: Code
    /// What went wrong in words, with what to do.
    package let message: String
    /// Whether doing the same again may work.
    package let isRetriable: Bool
    /// The records of a publish that failed, by their places; those that are not named were delivered.
    package let failures: [Failure]

    init(_ code: Code, _ message: String, isRetriable: Bool? = nil, failures: [Failure] = []) {
        self.code = code
        self.message = message
        self.isRetriable = isRetriable ?? code.isRetriableByDefault
        self.failures = failures
    }

    /// The error of a publish some of whose records failed: retriable when all of the failures are.
    init(failures: [Failure], of count: Int) {
        precondition(!failures.isEmpty, "a publish without failures is no error")
        let sorted = failures.sorted { $0.index < $1.index }
        let codes = Set(sorted.map(\.code.rawValue)).sorted().joined(separator: ", ")
        let topics = Set(sorted.map(\.topic)).sorted().joined(separator: ", ")
        self.init(
            sorted[0].code,
            "\(sorted.count) of \(count) records were not delivered to \(topics): \(codes)",
            isRetriable: sorted.allSatisfy(\.isRetriable),
            failures: sorted
        )
    }

    /// What it says about the broker: a record that it refuses is the caller's fault, a full queue says nothing.
    package var outcome: CircuitBreakerStateMachine.Outcome {
        switch code {
        case .brokerUnreachable, .deliveryTimedOut, .producerReset, .timedOut: .failure
        case .messageTooLarge, .topicMismatch, .notAuthorized, .refused: .success
        case .libraryTooOld, .configurationInvalid, .queueFull, .tooManyRecords, .unknownTopic, .closed: .unknown
        }
    }

    /// Whether doing the same again may work: consumers drop what comes twice.
    package var verdict: Retrier.Verdict { isRetriable ? .again() : .giveUp }

    /// The code and the message.
    package var description: String { "\(code.rawValue): \(message)" }
}

extension BusError.Code {
    var isRetriableByDefault: Bool {
        switch self {
        case .brokerUnreachable, .queueFull, .unknownTopic, .deliveryTimedOut, .producerReset, .timedOut: true
        case .libraryTooOld, .configurationInvalid, .notAuthorized, .messageTooLarge, .tooManyRecords, .topicMismatch,
            .closed, .refused:
            false
        }
    }
}
