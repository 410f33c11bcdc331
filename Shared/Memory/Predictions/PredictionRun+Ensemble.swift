extension PredictionRun {
    /// Ranks what was kept, and makes predictions of the best.
    /// - Throws: ``MemoryError`` `predictionTooLarge` when these have more symbols together than they may.
    mutating func ensemble(symbolsMax: Int) throws(MemoryError) -> PredictionEnsemble {
        let limit = query.configuration.maxPredictions
        sums = EnsembleSums(frequency: Double(frequencySum), strength: strengthSum.value, futures: futures)
        var ranking = TopRanking(limit: limit)
        for position in kept.indices where !isOutOfTime {
            matcher.meter.spend(64)
            ranking.offer(rank(kept[position]), kept[position].name, position)
        }
        var best: [Prediction] = []
        var symbols = 0
        for position in ranking.sorted() where !isOutOfTime {
            // Its events, twice; what of them is missing; and what of the state is extra.
            symbols += 3 * Int(kept[position].length) + query.numbers.count
            guard symbols <= symbolsMax else { throw Self.tooLarge(symbolsMax) }
            matcher.meter.spend(32 * (Int(kept[position].length) + query.numbers.count))
            best.append(prediction(kept[position]))
        }
        return PredictionEnsemble(
            predictions: best,
            futurePotentials: try futurePotentials(limit: limit, symbolsMax: symbolsMax),
            keptCount: kept.count
        )
    }

    /// The number that orders a pattern.
    private mutating func rank(_ pattern: KeptPattern) -> Double {
        let field = query.configuration.rankSortAlgorithm
        switch field {
        case .frequency: return Double(pattern.frequency)
        case .entropy, .normalizedEntropy, .globalNormalizedEntropy, .tfidfScore, .confluence, .weightedSimilarity,
            .weightedEvidence, .weightedConfidence, .weightedSNR:
            return metrics(pattern, withText: true).value(of: field)
        default: return metrics(pattern, withText: false).value(of: field)
        }
    }

    private static func tooLarge(_ symbolsMax: Int) -> MemoryError {
        MemoryError(
            .predictionTooLarge,
            "the predictions have more than \(symbolsMax) symbols together: lower max_predictions, raise "
                + "recall_threshold, or learn or clear the short-term memory"
        )
    }

    private func futurePotentials(limit: Int, symbolsMax: Int) throws(MemoryError) -> [FuturePotential] {
        var ranking = TopRanking(limit: limit)
        for (number, future) in futures.futures.enumerated() {
            ranking.offer(future.weight.value, future.name, number)
        }
        let best = ranking.sorted()
        let symbols = best.reduce(0) { $0 + futures.futures[$1].range.count }
        guard symbols <= symbolsMax else { throw Self.tooLarge(symbolsMax) }
        return best.map { number in
            let future = futures.futures[number]
            let words = query.snapshot.segments[Int(future.segment)].words
            return FuturePotential(
                future: events(words[future.range]),
                aggregatePotential: sums.futurePotentials[number],
                supportingPatterns: future.count,
                totalWeightedFrequency: future.weight.value
            )
        }
    }

    /// The numbers of a pattern; `withText` also those that need another look at the present's symbols.
    private mutating func metrics(_ pattern: KeptPattern, withText: Bool) -> PredictionMetrics {
        if withText { matcher.meter.spend(16 * Int(pattern.presentEnd - pattern.presentStart)) }
        var metrics = PredictionMetrics()
        let matches = Double(pattern.matches)
        let noise = Double(query.numbers.count) - matches
        let share = Double(pattern.frequency) / sums.frequency
        metrics.similarity = pattern.similarity
        metrics.evidence = matches / Double(pattern.length)
        metrics.confidence = matches / Double(pattern.presentEnd - pattern.presentStart)
        metrics.snr = (2 * matches - noise) / (2 * matches + noise)
        metrics.fragmentation = Double(pattern.blocks - 1)
        metrics.itfdfSimilarity = 1 - pattern.distance * share
        metrics.potential =
            (metrics.evidence + metrics.confidence) * metrics.snr + metrics.itfdfSimilarity
            + (pattern.blocks > 0 ? 1 / Double(pattern.blocks) : 0)
        metrics.patternProbability = share
        metrics.weightedStrength = pattern.similarity * share
        metrics.bayesianPrior = share
        metrics.bayesianLikelihood = pattern.similarity
        metrics.bayesianPosterior =
            sums.strength > 0 ? pattern.similarity * Double(pattern.frequency) / sums.strength : 0
        if pattern.future >= 0 {
            let potential = sums.futurePotentials[Int(pattern.future)]
            metrics.predictiveInformation = potential > 0 ? metrics.weightedStrength / potential : 0
        }
        if withText { addTextMetrics(of: pattern, to: &metrics) }
        return metrics
    }

    /// Entropies, tf-idf, confluence and the numbers weighed by affinity.
    private mutating func addTextMetrics(of pattern: KeptPattern, to metrics: inout PredictionMetrics) {
        let snapshot = query.snapshot
        let segment = snapshot.segments[Int(pattern.segment)]
        let range = segment.range(of: Int(pattern.local))
        let start = range.lowerBound + Int(pattern.presentStart)
        let present = segment.words[start..<range.lowerBound + Int(pattern.presentEnd)]
        let symbols = present.map { $0 & PatternSegment.symbolBits }
        let numbers = PresentNumbers(
            symbols,
            patternCounts: snapshot.patternCounts,
            patternTotal: snapshot.patternTotal
        )
        metrics.entropy = numbers.entropy
        metrics.normalizedEntropy = numbers.normalizedEntropy
        metrics.globalNormalizedEntropy = numbers.globalNormalizedEntropy
        metrics.tfidfScore = numbers.tfidf
        metrics.confluence = Double(pattern.frequency) / Double(snapshot.patternTotal) * (1 - numbers.chance)
        if let emotive = query.configuration.affinityEmotive {
            metrics.weighted = affinityMetrics(segment.words[range], present, emotive)
        }
    }

    private mutating func affinityMetrics(
        _ pattern: ArraySlice<UInt32>,
        _ present: ArraySlice<UInt32>,
        _ emotive: String
    )
        -> AffinityMetrics
    {
        pattern.withUnsafeBufferPointer { matcher.load($0) }
        let blocks = matcher.blocks()
        let matches = blocks.flatMap { query.numbers[$0.state..<$0.state + $0.length] }
        let matched = weight(matches, emotive)
        let state = weight(query.numbers, emotive)
        let noise = state - matched
        return AffinityMetrics(
            similarity: 2 * matched / (state + weight(pattern, emotive)),
            evidence: matched / weight(pattern, emotive),
            confidence: matched / weight(present, emotive),
            snr: (2 * matched - noise) / (2 * matched + noise)
        )
    }

    /// Σ |affinity| / frequency + 0.01 over the symbols.
    private func weight(_ words: some Sequence<UInt32>, _ emotive: String) -> Double {
        words.reduce(0) { sum, word in
            guard word != PredictionQuery.unknown else { return sum + 0.01 }
            let symbol = query.snapshot.symbols[Int(word & PatternSegment.symbolBits)]
            let affinity = symbol.affinity[emotive] ?? 0
            return sum + affinity.magnitude / Double(max(1, symbol.frequency)) + 0.01
        }
    }

    /// Words as the texts of events.
    private func events(_ words: ArraySlice<UInt32>) -> [[String]] {
        var events: [[String]] = []
        for word in words {
            if word & PatternSegment.eventStart != 0 { events.append([]) }
            events[events.count - 1].append(query.snapshot.symbols[Int(word & PatternSegment.symbolBits)].name)
        }
        return events
    }

    private mutating func prediction(_ pattern: KeptPattern) -> Prediction {
        let segment = query.snapshot.segments[Int(pattern.segment)]
        let local = Int(pattern.local)
        let range = segment.range(of: local)
        let words = segment.words[range]
        words.withUnsafeBufferPointer { matcher.load($0) }
        let blocks = matcher.blocks()
        let flat = query.state.flatMap(\.self)
        let positions = blocks.flatMap { $0.state..<$0.state + $0.length }
        let matched = Set(positions.map { query.numbers[$0] })
        let start = range.lowerBound + Int(pattern.presentStart)
        let end = range.lowerBound + Int(pattern.presentEnd)
        let inPresent = Set(words[start..<end].map { $0 & PatternSegment.symbolBits })
        var missing: [[String]] = []
        for word in words[start..<end] {
            let symbol = word & PatternSegment.symbolBits
            if word & PatternSegment.eventStart != 0 { missing.append([]) }
            if !matched.contains(symbol) { missing[missing.count - 1].append(query.snapshot.symbols[Int(symbol)].name) }
        }
        var position = 0
        let extras = query.state.map { event in
            event.filter { _ in
                position += 1
                return !inPresent.contains(query.numbers[position - 1])
            }
        }
        return Prediction(
            name: segment.names[local],
            frequency: pattern.frequency,
            matches: positions.map { flat[$0] },
            past: events(words[range.lowerBound..<start]),
            present: events(words[start..<end]),
            missing: missing,
            extras: extras,
            future: events(words[end..<range.upperBound]),
            anomalies: anomalies(of: words),
            metrics: metrics(pattern, withText: true),
            emotives: segment.emotives[UInt32(local)] ?? [:]
        )
    }

    /// For each symbol of the state that the pattern does not have, the pattern's symbol that is most like it, if it is
    /// like it enough; of equally like ones the first.
    private mutating func anomalies(of words: ArraySlice<UInt32>) -> [Anomaly] {
        let threshold = query.configuration.fuzzyTokenThreshold
        guard threshold > 0 else { return [] }
        let symbols = words.map { $0 & PatternSegment.symbolBits }
        let known = Set(symbols)
        var anomalies: [Anomaly] = []
        for (observed, number) in zip(query.state.joined(), query.numbers) where !known.contains(number) && !isOutOfTime
        {
            var best: Anomaly?
            var text = IndelSimilarity(observed)
            for symbol in symbols {
                let expected = query.snapshot.symbols[Int(symbol)].name
                let similarity = text.ratio(joining: [expected], &matcher.meter)
                guard similarity >= threshold, similarity > best?.similarity ?? 0 else { continue }
                best = Anomaly(observed: observed, expected: expected, similarity: similarity)
            }
            if let best { anomalies.append(best) }
        }
        return anomalies
    }
}

/// What all numbers of an ensemble are divided by.
struct EnsembleSums {
    /// Σ_E f.
    var frequency = 0.0
    /// Σ_E f · similarity.
    var strength = 0.0
    /// For each future its share of Σ f · similarity over the predictions with a future.
    var futurePotentials: [Double] = []

    /// Sums of nothing.
    init() {}

    /// Divides once what many predictions need.
    init(frequency: Double, strength: Double, futures: FutureTable) {
        self.frequency = frequency
        self.strength = strength
        let total = futures.total.value
        futurePotentials = futures.futures.map { total > 0 ? $0.weight.value / total : 0 }
    }
}
