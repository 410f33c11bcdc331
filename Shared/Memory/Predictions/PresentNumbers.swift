import Glibc

/// What the symbols of a present say about it; see ``PredictionMetrics`` for the formulas.
struct PresentNumbers {
    /// In bits.
    private(set) var entropy = 0.0
    /// To the base of the number of the node's symbols.
    private(set) var normalizedEntropy = 0.0
    /// Of the share of patterns that hold each symbol, to the same base.
    private(set) var globalNormalizedEntropy = 0.0
    /// The mean of tf · idf.
    private(set) var tfidf = 0.0
    /// Π P(x) over all symbols of the present.
    private(set) var chance = 1.0

    /// Computes them.
    ///
    /// - Parameters:
    ///   - present: The numbers of its symbols, at least one.
    ///   - patternCounts: How many patterns hold each symbol of the node.
    ///   - patternTotal: How many patterns there are.
    init(_ present: [UInt32], patternCounts: [UInt32], patternTotal: Int) {
        // In an order that depends on the symbols' counts alone: rounding is the same however they are numbered.
        let runs = Self.runs(present).map { (holders: patternCounts[Int($0.symbol)], count: $0.count) }
            .sorted { ($0.holders, $0.count) < ($1.holders, $1.count) }
        let base = patternCounts.count > 1 ? log2(Double(patternCounts.count)) : 0
        for run in runs {
            let share = Double(run.count) / Double(present.count)
            let probability = Double(run.holders) / Double(patternTotal)
            entropy -= share * log2(share)
            if probability > 0 {
                globalNormalizedEntropy -= probability * log2(probability)
            }
            tfidf += share * (log2(Double(patternTotal) / Double(max(1, run.holders))) + 1)
            for _ in 0..<run.count { chance *= probability > 0 ? probability : 1e-10 }
        }
        tfidf /= Double(runs.count)
        normalizedEntropy = base > 0 ? entropy / base : 0
        globalNormalizedEntropy = base > 0 ? globalNormalizedEntropy / base : 0
    }

    private static func runs(_ present: [UInt32]) -> [(symbol: UInt32, count: Int)] {
        var runs: [(symbol: UInt32, count: Int)] = []
        for symbol in present.sorted() {
            if let last = runs.last, last.symbol == symbol {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((symbol, 1))
            }
        }
        return runs
    }
}
