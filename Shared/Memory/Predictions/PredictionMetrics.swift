/// The numbers of a prediction; see ``Prediction`` for the letters.
package struct PredictionMetrics: Sendable, Equatable {
    /// 2 · LCS(p, s) / (|p| + |s|) over symbols; the indel similarity of the joined texts without token matching.
    package var similarity = 0.0
    /// m / |p|: how much of the pattern was seen.
    package var evidence = 0.0
    /// m / |present|: how much of the present was seen.
    package var confidence = 0.0
    /// (2m − x) / (2m + x), x = the state's symbols outside the matching blocks: signal to noise, from −1 to 1.
    package var snr = 0.0
    /// Matching blocks − 1: into how many more pieces than one the match falls; −1 without a match.
    package var fragmentation = 0.0
    /// 1 − d · f / Σ_E f, where d is the cosine distance of state and present, a symbol weighing P(x) · its count if it
    /// is in the present and 0 otherwise; d = 1 when either vector is zero.
    package var itfdfSimilarity = 0.0
    /// (evidence + confidence) · snr + itfdfSimilarity + 1 / (fragmentation + 1), the last term 0 without a match.
    package var potential = 0.0
    /// f / N · (1 − Π P(x)) over the present's symbols (P = 0 counts as 1e−10): how unlikely the present is by chance.
    package var confluence = 0.0
    /// −Σ p · log2 p over the shares p of the present's symbols, in bits.
    package var entropy = 0.0
    /// The same with the number of the node's symbols as the logarithm's base; 0 below two symbols.
    package var normalizedEntropy = 0.0
    /// −Σ P(x) · log P(x) over the present's distinct symbols, to the same base.
    package var globalNormalizedEntropy = 0.0
    /// The mean over the present's distinct symbols of tf · (log2(N / n) + 1): tf = the symbol's share of the present,
    /// n = the patterns that hold it, at least 1.
    package var tfidfScore = 0.0
    /// f / Σ_E f.
    package var patternProbability = 0.0
    /// similarity · f / Σ_E f.
    package var weightedStrength = 0.0
    /// f / Σ_E f: how likely the pattern is before anything is observed.
    package var bayesianPrior = 0.0
    /// similarity: how likely the observation is given the pattern.
    package var bayesianLikelihood = 0.0
    /// prior · likelihood / Σ_E prior · likelihood; 0 when that sum is.
    package var bayesianPosterior = 0.0
    /// weightedStrength / the aggregate potential of the prediction's future; 0 without a future.
    package var predictiveInformation = 0.0
    /// The numbers weighed by affinity; nil unless `affinity_emotive` is set.
    package var weighted: AffinityMetrics?
}

/// Similarity, evidence, confidence and signal to noise with each symbol weighing w = |affinity| / frequency + 0.01
/// instead of 1, where affinity is what the symbol gained of the session's `affinity_emotive`.
package struct AffinityMetrics: Sendable, Equatable {
    /// 2 · w(matches) / (w(state) + w(pattern)).
    package var similarity: Double
    /// w(matches) / w(pattern).
    package var evidence: Double
    /// w(matches) / w(present).
    package var confidence: Double
    /// (2 · w(matches) − w(x)) / (2 · w(matches) + w(x)), x = the state's symbols outside the blocks.
    package var snr: Double
}

extension Prediction {
    /// The number that orders predictions by a field, the greatest first.
    ///
    /// An affinity-weighted field is its unweighted counterpart unless `affinity_emotive` is set.
    package func value(of field: RankingField) -> Double {
        field == .frequency ? Double(frequency) : metrics.value(of: field)
    }
}

extension PredictionMetrics {
    /// The number of a field; `frequency` is none of these and is 0.
    func value(of field: RankingField) -> Double {
        switch field {
        case .potential: potential
        case .similarity: similarity
        case .evidence: evidence
        case .confidence: confidence
        case .snr: snr
        case .fragmentation: fragmentation
        case .frequency: 0
        case .entropy: entropy
        case .confluence: confluence
        case .normalizedEntropy: normalizedEntropy
        case .globalNormalizedEntropy: globalNormalizedEntropy
        case .itfdfSimilarity: itfdfSimilarity
        case .predictiveInformation: predictiveInformation
        case .patternProbability: patternProbability
        case .weightedStrength: weightedStrength
        case .bayesianPosterior: bayesianPosterior
        case .bayesianPrior: bayesianPrior
        case .bayesianLikelihood: bayesianLikelihood
        case .tfidfScore: tfidfScore
        case .weightedSimilarity: weighted?.similarity ?? similarity
        case .weightedEvidence: weighted?.evidence ?? evidence
        case .weightedConfidence: weighted?.confidence ?? confidence
        case .weightedSNR: weighted?.snr ?? snr
        }
    }
}
