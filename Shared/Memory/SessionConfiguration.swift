/// The settings of a session; each starts with the documented default and can be set at any time.
package struct SessionConfiguration: Sendable, Equatable {
    /// What happens to the short-term memory after the session has learned by itself.
    package enum ShortTermMode: String, Sendable, CaseIterable {
        /// It is emptied.
        case clear = "CLEAR"
        /// The last `max_pattern_length` − 1 events stay, so that every window of events is learned.
        case rolling = "ROLLING"
    }

    /// A stage that leaves candidates out before they are matched.
    package enum Filter: String, Sendable, CaseIterable {
        /// Keeps patterns whose length is from `length_min_ratio` to `length_max_ratio` times that of the state.
        case length
        /// Keeps patterns that share `jaccard_min_overlap` distinct symbols with the state, and whose distinct symbols
        /// have a Jaccard similarity of at least `jaccard_threshold` with those of the state.
        case jaccard
        /// Keeps patterns whose Jaccard similarity is at least `minhash_threshold`; computed exactly, not estimated.
        case minhash
        /// Keeps patterns that share a symbol with the state; exact, without false positives.
        case bloom
        /// Keeps patterns whose similarity reaches `recall_threshold`, which every prediction does anyway.
        case rapidfuzz
    }

    /// How many events the session learns by itself; 0 (never) or more.
    package var maxPatternLength = 0
    /// How many feelings a pattern keeps; 1 to 100.
    package var persistence = 5
    /// The least similarity of a prediction; 0 to 1, and at 0 patterns without any match are predictions too.
    package var recallThreshold = 0.1
    /// What happens to the short-term memory after the session has learned by itself.
    package var stmMode = ShortTermMode.clear
    /// The most predictions that are answered; 1 to 10,000.
    package var maxPredictions = 100
    /// Whether the strings of an observation are sorted by code point.
    package var sortSymbols = true
    /// Whether an observation computes predictions.
    package var processPredictions = true
    /// Whether similarity counts symbols (true) or characters (false).
    package var useTokenMatching = true
    /// From which similarity on an inexact match of two symbols is an anomaly; 0 (never) to 1.
    package var fuzzyTokenThreshold = 0.0
    /// Which number of a prediction orders them, the greatest first.
    package var rankSortAlgorithm = RankingField.potential
    /// Which feeling weighs symbols in the affinity-weighted numbers; nil for none.
    package var affinityEmotive: String?
    /// Which stages leave out candidates, in order.
    package var filterPipeline: [Filter] = []
    /// Of the stage `jaccard`; 0 to 1.
    package var jaccardThreshold = 0.3
    /// Of the stage `jaccard`; at least 1.
    package var jaccardMinOverlap = 2
    /// Of the stage `minhash`; 0 to 1.
    package var minhashThreshold = 0.7
    /// Accepted for KATO's clients (1 to 100); `minhash` is exact and needs no bands.
    package var minhashBands = 20
    /// Accepted for KATO's clients (1 to 20); `minhash` is exact and needs no rows.
    package var minhashRows = 5
    /// Accepted for KATO's clients (10 to 256); `minhash` is exact and needs no hashes.
    package var minhashNumHashes = 100
    /// Accepted for KATO's clients (0.0001 to 0.1); `bloom` is exact and has no false positives.
    package var bloomFalsePositiveRate = 0.01
    /// Of the stage `length`; 0 to 1.
    package var lengthMinRatio = 0.5
    /// Of the stage `length`; at least 1.
    package var lengthMaxRatio = 2.0
    /// Accepted for KATO's clients (at least 100); no stage cuts off candidates by their number.
    package var maxCandidatesPerStage = 100_000
    /// Accepted for KATO's clients; the stages log nothing.
    package var enableFilterMetrics = true

    /// The defaults.
    package init() {}
}

/// A number of a prediction that can order them.
package enum RankingField: String, Sendable, CaseIterable {
    case potential, similarity, evidence, confidence, snr, fragmentation, frequency, entropy, confluence
    case normalizedEntropy = "normalized_entropy"
    case globalNormalizedEntropy = "global_normalized_entropy"
    case itfdfSimilarity = "itfdf_similarity"
    case predictiveInformation = "predictive_information"
    case patternProbability = "pattern_probability"
    case weightedStrength = "weighted_strength"
    case bayesianPosterior = "bayesian_posterior"
    case bayesianPrior = "bayesian_prior"
    case bayesianLikelihood = "bayesian_likelihood"
    case tfidfScore = "tfidf_score"
    case weightedSimilarity = "weighted_similarity"
    case weightedEvidence = "weighted_evidence"
    case weightedConfidence = "weighted_confidence"
    case weightedSNR = "weighted_snr"
}
