import Memory

/// The limits of the memory's store.
package struct MemoryStoreConfiguration: Sendable {
    /// How many operations share one transaction at most.
    ///
    /// Default 128.
    package var batchMax = 128
    /// How many operations may wait for a transaction; one more is refused.
    ///
    /// Default 10,000.
    package var queueMax = 10_000
    /// How many transactions of operations run at the same moment.
    ///
    /// Default 2.
    package var concurrency = 2
    /// How often an operation is tried while other gateways change the same session.
    ///
    /// Default 100; then it is refused and may be repeated.
    package var attemptsMax = 100
    /// How much memory the sessions that are kept at hand may take, in bytes; the least recently used go.
    ///
    /// Default 64 MB.
    package var sessionBytesMax = 64 << 20
    /// How much memory one session's events, emotives and metadata may take, in bytes; what would be more is refused.
    ///
    /// Default 32 MB: a million short symbols, in a thousand events. As JSON, where a byte takes up to six, it stays
    /// below the gigabyte that Postgres puts into one value.
    package var shortTermMemoryBytesMax = 32 << 20
    /// How much memory the indexes of nodes may take, in bytes; the least recently used go.
    ///
    /// Default 256 MB; one node that would take more alone is not used.
    package var nodeBytesMax = 256 << 20
    /// How much memory the predictions take that are kept for sessions, in bytes; the least recently used go.
    ///
    /// Default 64 MB.
    package var keptBytesMax = 64 << 20
    /// How many threads compute; nil: as many as the machine has processors, up to eight.
    package var threads: Int?
    /// How many computations may wait for a thread; one more is refused.
    ///
    /// Default 256.
    package var computationsMax = 256
    /// How long a prediction or a search that somebody asks for may take, bringing the index up to date and waiting for
    /// a thread included.
    ///
    /// Default 5 s.
    package var predictionTime: Duration = .seconds(5)
    /// How long a prediction may hold up the answer to an observation, waiting included; what takes longer is left
    /// until it is asked for.
    ///
    /// Default 100 ms.
    package var observePredictionTime: Duration = .milliseconds(100)
    /// The most symbols in short-term memory of a session that predicts.
    ///
    /// Default 20,000; the tables of so many take up to 50 MB while a thread computes.
    package var stateSymbolsMax = 20_000
    /// The most symbols of all predictions in one answer.
    ///
    /// Default 4,000,000.
    package var answerSymbolsMax = 4_000_000
    /// How many patterns are read in one piece.
    ///
    /// Default 2,000.
    package var patternsPerRead = 2000
    /// How long notices are kept for those who listen.
    ///
    /// Default 60 s.
    package var noticeRetention: Duration = .seconds(60)
    /// How often expired sessions are looked for.
    ///
    /// Default 250 ms.
    package var sweepInterval: Duration = .milliseconds(250)

    /// The defaults.
    package init() {}

    /// What a prediction may take that is to be ready at a moment.
    func limits(until deadline: ContinuousClock.Instant) -> PredictionLimits {
        var limits = PredictionLimits()
        limits.deadline = deadline
        limits.stateSymbolsMax = stateSymbolsMax
        limits.answerSymbolsMax = answerSymbolsMax
        return limits
    }
}
