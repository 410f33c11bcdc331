import JSON
import Memory
import Testing

/// The settings of a session: names, defaults, ranges.
struct SessionConfigurationTests {
    @Test func defaults() throws {
        let expected = """
            {"max_pattern_length":0,"persistence":5,"recall_threshold":0.1,"stm_mode":"CLEAR","max_predictions":100,\
            "sort_symbols":true,"process_predictions":true,"use_token_matching":true,"fuzzy_token_threshold":0,\
            "rank_sort_algo":"potential","affinity_emotive":null,"filter_pipeline":[],"jaccard_threshold":0.3,\
            "jaccard_min_overlap":2,"minhash_threshold":0.7,"minhash_bands":20,"minhash_rows":5,\
            "minhash_num_hashes":100,"bloom_false_positive_rate":0.01,"length_min_ratio":0.5,"length_max_ratio":2,\
            "max_candidates_per_stage":100000,"enable_filter_metrics":true}
            """
        #expect(JSONValue.object(SessionConfiguration().json) == (try JSONValue.parse(expected)))
    }

    /// The ends of each range, and what is just beyond them or of a wrong type.
    @Test(arguments: [
        ("max_pattern_length", "[0, 5]", "[-1, 1.5, \"1\", 1e30]"), ("persistence", "[1, 100]", "[0, 101, true]"),
        ("recall_threshold", "[0, 1, 0.5]", "[-0.01, 1.01, \"0.5\"]"), ("stm_mode", "[\"CLEAR\", \"ROLLING\"]", "[1]"),
        ("max_predictions", "[1, 10000]", "[0, 10001]"), ("sort_symbols", "[true, false]", "[1, \"true\"]"),
        ("process_predictions", "[false]", "[0]"), ("use_token_matching", "[false]", "[0]"),
        ("fuzzy_token_threshold", "[0, 1]", "[-0.01, 1.01]"),
        ("rank_sort_algo", "[\"similarity\", \"weighted_snr\"]", "[\"name\", \"\", 1]"),
        ("affinity_emotive", "[\"joy\"]", "[\"\", 1]"),
        ("filter_pipeline", "[[], [\"jaccard\", \"minhash\"]]", "[\"jaccard\", [\"x\"], [1]]"),
        ("jaccard_threshold", "[0, 1]", "[-1, 2]"), ("jaccard_min_overlap", "[1]", "[0]"),
        ("minhash_threshold", "[0, 1]", "[-1, 2]"), ("minhash_bands", "[1, 100]", "[0, 101]"),
        ("minhash_rows", "[1, 20]", "[0, 21]"), ("minhash_num_hashes", "[10, 256]", "[9, 257]"),
        ("bloom_false_positive_rate", "[0.0001, 0.1]", "[0.00009, 0.11]"), ("length_min_ratio", "[0, 1]", "[-1, 2]"),
        ("length_max_ratio", "[1, 3]", "[0.9]"), ("max_candidates_per_stage", "[100]", "[99]"),
        ("enable_filter_metrics", "[false]", "[0]"), ("no_such_key", "[]", "[1]"),
    ])
    func ranges(_ key: String, _ good: String, _ bad: String) throws {
        for value in try JSONValue.parse(good).arrayValue ?? [] {
            let changed = try SessionConfiguration().merging([key: value])
            #expect(changed.json[key] == value)
        }
        for value in try JSONValue.parse(bad).arrayValue ?? [] {
            let error = #expect(throws: MemoryError.self) { try SessionConfiguration().merging([key: value]) }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.problems.map(\.field) == [key])
            #expect(error?.problems.first?.reason.isEmpty == false)
        }
    }

    @Test func allProblemsAreToldAndNothingIsChanged() throws {
        let start = try SessionConfiguration().merging(["persistence": 7])
        let error = #expect(throws: MemoryError.self) {
            try start.merging(["persistence": 0, "max_predictions": 5, "recall_threshold": 2])
        }
        #expect(error?.problems.map(\.field) == ["persistence", "recall_threshold"])
        #expect(start.persistence == 7)
        #expect(start.maxPredictions == 100)
    }

    @Test func nullSetsADefaultBack() throws {
        let changed = try SessionConfiguration().merging(["persistence": 7, "affinity_emotive": "joy"])
        #expect(try changed.merging(["persistence": nil, "affinity_emotive": nil]) == SessionConfiguration())
    }

    @Test func anUnknownModeIsClear() throws {
        let rolling = try SessionConfiguration().merging(["stm_mode": "ROLLING"])
        #expect(rolling.stmMode == .rolling)
        #expect(try rolling.merging(["stm_mode": "SIDEWAYS"]).stmMode == .clear)
    }

    @Test func whatIsWrittenIsReadAgain() throws {
        var changed = SessionConfiguration()
        changed.maxPatternLength = 9
        changed.filterPipeline = [.length, .jaccard]
        changed.rankSortAlgorithm = .tfidfScore
        changed.affinityEmotive = "joy"
        changed.stmMode = .rolling
        #expect(try SessionConfiguration().merging(changed.json) == changed)
        #expect(try changed.merging(["indexer_type": "VI"]) == changed)
    }
}
