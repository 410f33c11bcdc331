package import JSON

extension SessionConfiguration {
    /// Settings that KATO's clients may send and that mean nothing here: there is one kind of vector index.
    private static let ignoredKeys: Set<String> = [
        "indexer_type", "vector_event_mode", "vector_search_limit", "return_vector_search_results",
    ]

    /// The settings with some of them changed; `null` sets one back to its default.
    ///
    /// An unknown `stm_mode` is `CLEAR`, as KATO has it.
    ///
    /// - Parameter updates: The keys to change, as a request names them.
    /// - Returns: The settings with the changes.
    /// - Throws: ``MemoryError`` `invalidConfiguration` with a problem for each key that is unknown, of a wrong type or
    ///   out of its range; nothing is changed then.
    package func merging(_ updates: JSONObject) throws(MemoryError) -> SessionConfiguration {
        var merged = self
        var problems: [MemoryError.Problem] = []
        for member in updates where !Self.ignoredKeys.contains(member.key) {
            guard let setting = Self.settings.first(where: { $0.key == member.key }) else {
                problems.append(.init(field: member.key, reason: "is not a setting of a session"))
                continue
            }
            if let reason = setting.change(&merged, member.value.isNull ? setting.read(Self()) : member.value) {
                problems.append(.init(field: member.key, reason: reason))
            }
        }
        guard problems.isEmpty else { throw MemoryError(.invalidConfiguration, problems: problems) }
        return merged
    }

    /// All settings as they are in effect, by the names that requests use.
    package var json: JSONObject {
        var object = JSONObject()
        for setting in Self.settings { object.set(setting.key, setting.read(self)) }
        return object
    }

    /// One setting: its name, how it is read and how it is changed.
    private struct Setting: Sendable {
        let key: String
        let read: @Sendable (SessionConfiguration) -> JSONValue
        /// Returns what is wrong with the value, nil when it was set.
        let change: @Sendable (inout SessionConfiguration, JSONValue) -> String?
    }

    private static let settings: [Setting] = [
        whole("max_pattern_length", \.maxPatternLength, 0...Int(Int32.max)),
        whole("persistence", \.persistence, 1...100),
        real("recall_threshold", \.recallThreshold, 0...1),
        Setting(
            key: "stm_mode",
            read: { .string($0.stmMode.rawValue) },
            change: { configuration, value in
                guard let text = value.stringValue else { return "must be CLEAR or ROLLING" }
                configuration.stmMode = ShortTermMode(rawValue: text) ?? .clear
                return nil
            }
        ),
        whole("max_predictions", \.maxPredictions, 1...10_000),
        flag("sort_symbols", \.sortSymbols),
        flag("process_predictions", \.processPredictions),
        flag("use_token_matching", \.useTokenMatching),
        real("fuzzy_token_threshold", \.fuzzyTokenThreshold, 0...1),
        Setting(
            key: "rank_sort_algo",
            read: { .string($0.rankSortAlgorithm.rawValue) },
            change: { configuration, value in
                guard let field = value.stringValue.flatMap(RankingField.init(rawValue:)) else {
                    return "must be one of \(RankingField.allCases.map(\.rawValue).joined(separator: ", "))"
                }
                configuration.rankSortAlgorithm = field
                return nil
            }
        ),
        Setting(
            key: "affinity_emotive",
            read: { $0.affinityEmotive.map(JSONValue.string) ?? .null },
            change: { configuration, value in
                if value.isNull {
                    configuration.affinityEmotive = nil
                    return nil
                }
                guard let name = value.stringValue, (1...4096).contains(name.utf8.count) else {
                    return "must be the name of an emotive, 1 to 4096 bytes, or null"
                }
                configuration.affinityEmotive = name
                return nil
            }
        ),
        filterPipeline,
        real("jaccard_threshold", \.jaccardThreshold, 0...1),
        whole("jaccard_min_overlap", \.jaccardMinOverlap, 1...Int(Int32.max)),
        real("minhash_threshold", \.minhashThreshold, 0...1),
        whole("minhash_bands", \.minhashBands, 1...100),
        whole("minhash_rows", \.minhashRows, 1...20),
        whole("minhash_num_hashes", \.minhashNumHashes, 10...256),
        real("bloom_false_positive_rate", \.bloomFalsePositiveRate, 0.0001...0.1),
        real("length_min_ratio", \.lengthMinRatio, 0...1),
        real("length_max_ratio", \.lengthMaxRatio, 1...1_000_000),
        whole("max_candidates_per_stage", \.maxCandidatesPerStage, 100...Int(Int32.max)),
        flag("enable_filter_metrics", \.enableFilterMetrics),
    ]

    private static let filterPipeline = Setting(
        key: "filter_pipeline",
        read: { .array($0.filterPipeline.map { .string($0.rawValue) }) },
        change: { configuration, value in
            let names = Filter.allCases.map(\.rawValue).joined(separator: ", ")
            guard let list = value.arrayValue, list.count <= 100 else { return "must be a list of \(names)" }
            let filters = list.map { $0.stringValue.flatMap(Filter.init(rawValue:)) }
            guard !filters.contains(nil) else { return "must be a list of \(names)" }
            configuration.filterPipeline = filters.compactMap(\.self)
            return nil
        }
    )

    private static func whole(
        _ key: String,
        _ path: any WritableKeyPath<SessionConfiguration, Int> & Sendable,
        _ range: ClosedRange<Int>
    ) -> Setting {
        Setting(
            key: key,
            read: { .int($0[keyPath: path]) },
            change: { configuration, value in
                guard let number = value.intValue, range.contains(number) else {
                    return range.upperBound == Int(Int32.max)
                        ? "must be a whole number, at least \(range.lowerBound)"
                        : "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
                }
                configuration[keyPath: path] = number
                return nil
            }
        )
    }

    private static func real(
        _ key: String,
        _ path: any WritableKeyPath<SessionConfiguration, Double> & Sendable,
        _ range: ClosedRange<Double>
    ) -> Setting {
        Setting(
            key: key,
            read: { .double($0[keyPath: path]) },
            change: { configuration, value in
                guard let number = value.doubleValue, range.contains(number) else {
                    return "must be a number from \(range.lowerBound) to \(range.upperBound)"
                }
                configuration[keyPath: path] = number
                return nil
            }
        )
    }

    private static func flag(
        _ key: String,
        _ path: any WritableKeyPath<SessionConfiguration, Bool> & Sendable
    ) -> Setting {
        Setting(
            key: key,
            read: { .bool($0[keyPath: path]) },
            change: { configuration, value in
                guard let flag = value.boolValue else { return "must be true or false" }
                configuration[keyPath: path] = flag
                return nil
            }
        )
    }
}
