package import JSON

extension Prediction {
    /// Writes the prediction as clients get it.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", "prototypical")
        writer.member("name", name.hex)
        writer.member("frequency", frequency)
        writer.key("emotives")
        writer.beginObject()
        for (name, value) in emotives.sorted(by: { SymbolOrder.isBefore($0.key, $1.key) }) {
            writer.key(dynamic: name)
            writer.double(value)
        }
        writer.endObject()
        writer.key("matches")
        writer.strings(matches)
        writer.events("past", past)
        writer.events("present", present)
        writer.events("missing", missing)
        writer.events("extras", extras)
        writer.key("anomalies")
        writer.beginArray()
        for anomaly in anomalies {
            writer.beginObject()
            writer.member("observed", anomaly.observed)
            writer.member("expected", anomaly.expected)
            writer.member("similarity", anomaly.similarity)
            writer.endObject()
        }
        writer.endArray()
        metrics.write(to: &writer)
        writer.events("sequence", sequence)
        writer.events("future", future)
        writer.endObject()
    }
}

extension PredictionMetrics {
    /// Writes the numbers as members of the prediction's object.
    func write(to writer: inout JSONWriter) {
        writer.member("similarity", similarity)
        writer.member("evidence", evidence)
        writer.member("confidence", confidence)
        writer.member("snr", snr)
        writer.member("fragmentation", fragmentation)
        writer.member("potential", potential)
        writer.member("itfdf_similarity", itfdfSimilarity)
        writer.member("confluence", confluence)
        writer.member("entropy", entropy)
        writer.member("normalized_entropy", normalizedEntropy)
        writer.member("global_normalized_entropy", globalNormalizedEntropy)
        writer.member("tfidf_score", tfidfScore)
        writer.member("pattern_probability", patternProbability)
        writer.member("weighted_strength", weightedStrength)
        writer.member("bayesian_prior", bayesianPrior)
        writer.member("bayesian_likelihood", bayesianLikelihood)
        writer.member("bayesian_posterior", bayesianPosterior)
        writer.member("predictive_information", predictiveInformation)
        writer.optional("weighted_similarity", weighted?.similarity)
        writer.optional("weighted_evidence", weighted?.evidence)
        writer.optional("weighted_confidence", weighted?.confidence)
        writer.optional("weighted_snr", weighted?.snr)
    }
}

extension FuturePotential {
    /// Writes the future as clients get it.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.events("future", future)
        writer.member("aggregate_potential", aggregatePotential)
        writer.member("supporting_patterns", supportingPatterns)
        writer.member("total_weighted_frequency", totalWeightedFrequency)
        writer.endObject()
    }
}

extension PredictionEnsemble {
    /// Writes `predictions` and `future_potentials` as members of an object that the caller has begun.
    ///
    /// - Parameters:
    ///   - writer: Where to.
    ///   - bytesMax: How long the text may get, in bytes.
    /// - Throws: ``MemoryError`` `predictionTooLarge` beyond that.
    package func writeMembers(to writer: inout JSONWriter, bytesMax: Int = .max) throws(MemoryError) {
        writer.key("predictions")
        writer.beginArray()
        for prediction in predictions {
            prediction.write(to: &writer)
            try Self.check(writer, bytesMax)
        }
        writer.endArray()
        writer.key("future_potentials")
        writer.beginArray()
        for future in futurePotentials {
            future.write(to: &writer)
            try Self.check(writer, bytesMax)
        }
        writer.endArray()
    }

    private static func check(_ writer: borrowing JSONWriter, _ bytesMax: Int) throws(MemoryError) {
        guard writer.bytes.count > bytesMax else { return }
        throw MemoryError(
            .predictionTooLarge,
            "the predictions are longer than \(bytesMax >> 20) MB: lower max_predictions or raise recall_threshold"
        )
    }
}

extension JSONWriter {
    /// Writes a list of symbols.
    package mutating func strings(_ values: [String]) {
        beginArray()
        for value in values { string(value) }
        endArray()
    }

    /// Writes a member with a list of lists of symbols.
    package mutating func events(_ name: StaticString, _ events: [[String]]) {
        key(name)
        beginArray()
        for event in events { strings(event) }
        endArray()
    }

    fileprivate mutating func optional(_ name: StaticString, _ value: Double?) {
        key(name)
        if let value { double(value) } else { null() }
    }
}
