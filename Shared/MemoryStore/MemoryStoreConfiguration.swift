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
    /// How much of sessions is kept at hand, in symbols; the least recently used go.
    ///
    /// Default 2,000,000.
    package var sessionSymbolsMax = 2_000_000
    /// How much memory the indexes of nodes may take, in bytes; the least recently used go.
    ///
    /// Default 256 MB; one node that is larger is kept while it is used.
    package var nodeBytesMax = 256 << 20
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
}
