import CSchemas

/// The files of the folder `Schemas`, as they were when the executable was built.
package enum SchemaFile {
    /// The names of all files, such as `events/tool_request.json`.
    package static var names: [String] {
        (0..<schemas_embedded_count()).map { String(cString: schemas_embedded_file($0).name) }
    }

    /// The content of the file with this name, or nil when there is none.
    package static func bytes(named name: String) -> [UInt8]? {
        for index in 0..<schemas_embedded_count() {
            let file = schemas_embedded_file(index)
            if String(cString: file.name) == name {
                return [UInt8](UnsafeBufferPointer(start: file.bytes, count: file.count))
            }
        }
        return nil
    }
}
