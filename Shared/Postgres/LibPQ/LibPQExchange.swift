import CPostgres
import Glibc

/// What was sent on a connection and which of its answers are still to come: one job's exchange with the server.
struct LibPQExchange {
    /// What the answers so far mean.
    enum Step {
        /// Nothing more can be said before more bytes come.
        case needsInput
        /// The job ended.
        case finished(Result<[PostgresResult], PostgresError>)
        /// The server said what this client does not understand.
        case broken(String)
    }

    private enum Expectation {
        case prepared(PostgresStatement)
        case executed(index: Int, isReported: Bool)
        case synced
    }

    private var expected: [Expectation] = []
    private var position = 0
    private var isScript = false
    private var results: [PostgresResult] = []
    private(set) var firstError: PostgresError?
    private var values: [UnsafePointer<CChar>?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    /// Queues a pipeline and its end in libpq's buffer.
    /// - Returns: Whether libpq took it.
    mutating func send(_ pipeline: EncodedPipeline, on handle: OpaquePointer?, cache: inout StatementCache) -> Bool {
        reset(isScript: false)
        var index = 0
        let isSent = pipeline.bytes.withUnsafeBytes { bytes in
            for command in pipeline.commands {
                fill(pipeline.slots[command.slots], bytes)
                guard send(command.statement, on: handle, cache: &cache) else { return false }
                expected.append(.executed(index: index, isReported: command.isReported))
                if command.isReported { index += 1 }
            }
            return true
        }
        expected.append(.synced)
        return isSent && PQpipelineSync(handle) == 1
    }

    private mutating func send(
        _ statement: PostgresStatement,
        on handle: OpaquePointer?,
        cache: inout StatementCache
    ) -> Bool {
        let count = Int32(values.count)
        switch cache.lookup(statement) {
        case .unprepared:
            return PQsendQueryParams(handle, statement.sql, count, nil, values, lengths, formats, 0) == 1
        case .prepare(let name):
            expected.append(.prepared(statement))
            return PQsendPrepare(handle, name, statement.sql, 0, nil) == 1
                && PQsendQueryPrepared(handle, name, count, values, lengths, formats, 0) == 1
        case .prepared(let name):
            return PQsendQueryPrepared(handle, name, count, values, lengths, formats, 0) == 1
        }
    }

    private mutating func fill(_ slots: ArraySlice<EncodedPipeline.Slot>, _ bytes: UnsafeRawBufferPointer) {
        values.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        for slot in slots {
            values.append(slot.offset < 0 ? nil : base.map { $0 + slot.offset })
            lengths.append(slot.length)
            formats.append(slot.isBinary ? 1 : 0)
        }
    }

    /// Sends a script by the simple protocol, which libpq refuses in pipeline mode.
    mutating func send(script: String, on handle: OpaquePointer?) -> Bool {
        reset(isScript: true)
        return PQexitPipelineMode(handle) == 1 && PQsendQuery(handle, script) == 1
    }

    private mutating func reset(isScript: Bool) {
        expected.removeAll(keepingCapacity: true)
        position = 0
        results.removeAll(keepingCapacity: false)
        firstError = nil
        self.isScript = isScript
    }

    /// Takes the answers that are there.
    mutating func advance(on handle: OpaquePointer?, cache: inout StatementCache) -> Step {
        while PQisBusy(handle) == 0 {
            guard let answer = PQgetResult(handle) else {
                // On a lost connection libpq says "no more answers" for ever; the owner sees the loss by itself.
                guard PQstatus(handle) == CONNECTION_OK else { return .needsInput }
                if isScript { return finishScript(on: handle) }
                guard position < expected.count else { return .broken("the database sent an answer too many") }
                if case .synced = expected[position] { continue }
                position += 1
                continue
            }
            if let step = take(answer, cache: &cache) { return step }
        }
        return .needsInput
    }

    /// - Returns: The last step, or nil when more answers are to come.
    private mutating func take(_ answer: OpaquePointer, cache: inout StatementCache) -> Step? {
        let status = PQresultStatus(answer)
        switch status {
        case PGRES_PIPELINE_SYNC:
            PQclear(answer)
            return .finished(outcome())
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            takeSuccess(answer)
            return nil
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_PIPELINE_ABORTED:
            takeFailure(answer, isAborted: status == PGRES_PIPELINE_ABORTED, cache: &cache)
            return nil
        case PGRES_NONFATAL_ERROR:
            PQclear(answer)
            return nil
        default:
            PQclear(answer)
            return .broken("the statement speaks the COPY protocol, which this client does not: use INSERT or SELECT")
        }
    }

    private mutating func takeSuccess(_ answer: OpaquePointer) {
        let result = LibPQResult(taking: answer)
        if isScript {
            results.append(PostgresResult(storage: result))
        } else if position < expected.count, case .executed(_, isReported: true) = expected[position] {
            results.append(PostgresResult(storage: result))
        }
    }

    private mutating func takeFailure(_ answer: OpaquePointer, isAborted: Bool, cache: inout StatementCache) {
        defer { PQclear(answer) }
        var index: Int?
        if !isScript, position < expected.count {
            switch expected[position] {
            case .prepared(let statement):
                cache.forget(statement)
                if case .executed(let next, isReported: true) = expected[position + 1] { index = next }
            case .executed(let current, let isReported):
                index = isReported ? current : nil
            case .synced:
                break
            }
        }
        guard firstError == nil, !isAborted else { return }
        firstError = LibPQParameters.serverError(answer, statementIndex: index)
    }

    private mutating func finishScript(on handle: OpaquePointer?) -> Step {
        guard PQenterPipelineMode(handle) == 1 else { return .broken("the script left the connection unusable") }
        return .finished(outcome())
    }

    private mutating func outcome() -> Result<[PostgresResult], PostgresError> {
        defer {
            results = []
            firstError = nil
        }
        if let firstError { return .failure(firstError) }
        return .success(results)
    }
}
