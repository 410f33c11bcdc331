import CPostgres
import Glibc

/// Owns a `PGresult`.
///
/// It is never changed after it is made, and libpq's accessors only read it, so threads may share it.
final class LibPQResult: @unchecked Sendable {
    private let handle: OpaquePointer?
    let rowCount: Int
    let columnCount: Int

    /// Takes over a result of libpq.
    init(taking handle: OpaquePointer?) {
        self.handle = handle
        rowCount = Int(PQntuples(handle))
        columnCount = Int(PQnfields(handle))
    }

    /// Builds a result by hand.
    init(columns: [String], rows: [[String?]]) {
        let handle = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK)
        var descriptions: [PGresAttDesc] = columns.map { name in
            var description = PGresAttDesc()
            description.name = strdup(name)
            return description
        }
        PQsetResultAttrs(handle, Int32(columns.count), &descriptions)
        for description in descriptions { free(description.name) }
        for (row, values) in rows.enumerated() {
            precondition(values.count == columns.count, "row \(row) has \(values.count) values")
            for (column, value) in values.enumerated() {
                if let value {
                    value.withCString { text in
                        _ = PQsetvalue(
                            handle,
                            Int32(row),
                            Int32(column),
                            UnsafeMutablePointer(mutating: text),
                            Int32(value.utf8.count)
                        )
                    }
                } else {
                    PQsetvalue(handle, Int32(row), Int32(column), nil, -1)
                }
            }
        }
        self.handle = handle
        rowCount = rows.count
        columnCount = columns.count
    }

    deinit {
        PQclear(handle)
    }

    var affectedRows: Int {
        guard let text = PQcmdTuples(handle) else { return 0 }
        return Int(atoll(text))
    }

    var command: String {
        PQcmdStatus(handle).map { String(cString: $0) } ?? ""
    }

    var columnNames: [String] {
        (0..<columnCount).map { column in
            PQfname(handle, Int32(column)).map { String(cString: $0) } ?? ""
        }
    }

    func position(of name: String) -> Int? {
        // PQfnumber folds case and copies the name at each call; names are few, so compare them in place.
        name.withCString { wanted in
            for column in 0..<Int32(columnCount) {
                if let candidate = PQfname(handle, column), strcmp(candidate, wanted) == 0 { return Int(column) }
            }
            return nil
        }
    }

    func isNull(row: Int, column: Int) -> Bool {
        PQgetisnull(handle, Int32(row), Int32(column)) != 0
    }

    func withBytes<Value>(row: Int, column: Int, _ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        let length = Int(PQgetlength(handle, Int32(row), Int32(column)))
        return body(UnsafeRawBufferPointer(start: PQgetvalue(handle, Int32(row), Int32(column)), count: length))
    }
}
