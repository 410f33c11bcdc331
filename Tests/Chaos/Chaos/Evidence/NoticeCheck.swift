/// Holds what clients were told of calls of tools against the journal and the runs.
struct NoticeCheck {
    private let history: History
    private let journal: [String: [Int: ToolNotice]]
    private let runs: [String: StoredToolRun]

    /// Prepares a check.
    init(_ history: History) {
        self.history = history
        journal = Dictionary(grouping: history.toolSteps, by: \.turnID).mapValues { steps in
            steps.reduce(into: [:]) { $0.merge($1.notices) { first, _ in first } }
        }
        runs = Dictionary(history.toolRuns.map { ($0.eventID, $0) }) { first, _ in first }
    }

    /// Notes what does not fit.
    func check(into verdict: inout Verdict) {
        for session in history.sessions {
            for event in session.stream {
                guard let notice = event.notice else { continue }
                if let fault = fault(of: notice, event) {
                    verdict.note(.toldWrongly, "\(session.id): \(event.type) \(event.turn)-\(event.index): \(fault)")
                }
            }
        }
        verdict.untold = untold()
    }

    private func fault(of notice: ToolNotice, _ event: ToldEvent) -> String? {
        guard let stored = journal[event.turnID]?[event.index] else { return "the journal has nothing at this place" }
        if stored != notice { return "\(notice), and the journal says \(stored)" }
        guard let status = notice.status else { return nil }
        let run = runs[notice.eventID]?.status ?? "nowhere"
        return run == status ? nil : "the call ended with \(status), and its run is \(run)"
    }

    private func untold() -> Int {
        let told = history.sessions.reduce(into: [String: Set<Int>]()) { told, session in
            for event in session.stream where event.notice != nil {
                told[event.turnID, default: []].insert(event.index)
            }
        }
        return history.turns.filter { $0.finishedAt != nil }.reduce(0) { count, turn in
            count + Set(journal[turn.turnID, default: [:]].keys).subtracting(told[turn.turnID] ?? []).count
        }
    }
}
