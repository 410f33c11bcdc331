import Testing

/// The repository keeps its own rules.
@Suite struct RepositoryTests {
    private let repository = Repository.shared

    private func expectNone(
        _ violations: [Violation],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for violation in violations {
            Issue.record("\(violation.description)", sourceLocation: sourceLocation)
        }
    }

    @Test func thereIsARepositoryToCheck() {
        #expect(repository.files.contains { $0.path == "Package.swift" })
        #expect(repository.files.count { $0.isSwift } > 100)
    }

    @Test func filesAreShort() {
        expectNone(repository.files.flatMap(SizeChecks.fileLength))
    }

    @Test func linesAreShort() {
        expectNone(repository.files.flatMap(SizeChecks.lineLength))
    }

    @Test func functionsAreShort() {
        expectNone(repository.files.flatMap(SizeChecks.functionLength))
    }

    @Test func recipesAreShort() {
        expectNone(repository.files.flatMap(SizeChecks.recipeLength))
    }

    @Test func eachCLibraryHasOneFolder() throws {
        let manifest = try #require(repository.files.first { $0.path == "Package.swift" })
        let modules = CModules(manifest: manifest, paths: repository.paths)
        expectNone(modules.violations)
        expectNone(repository.files.flatMap(modules.imports))
        // Every one of them is known, whatever becomes of the manifest's wording.
        let libraries = repository.paths.filter { $0.hasPrefix("Shared/CLibraries/") }
            .compactMap { $0.split(separator: "/").dropFirst(2).first.map(String.init) }
        #expect(libraries.count > 5)
        #expect(libraries.allSatisfy { modules.folders[$0]?.isEmpty == false })
    }

    @Test func theEnvironmentIsReadInOnePlace() {
        expectNone(repository.files.flatMap(CodeChecks.environment))
    }

    @Test func unitTestsDoNotSleep() {
        expectNone(repository.files.flatMap(CodeChecks.sleeps))
    }

    @Test func nothingEndsTheProcess() {
        expectNone(repository.files.flatMap(CodeChecks.crashes))
    }

    @Test func errorsSayWhatMayBeWritten() {
        expectNone(repository.files.flatMap(CodeChecks.errorDescriptions))
    }

    @Test func tasksAreInGroups() {
        expectNone(repository.files.flatMap(CodeChecks.unstructuredTasks))
    }

    @Test func stateMachinesOnlyDecide() {
        expectNone(repository.files.flatMap(CodeChecks.stateMachines))
        expectNone(CodeChecks.stateMachineTests(repository.files))
    }

    @Test func noTypeHidesItsModule() {
        expectNone(repository.files.flatMap(CodeChecks.moduleNames))
    }

    @Test func declarationsAreDocumented() {
        expectNone(repository.files.flatMap(CodeChecks.docComments))
    }

    @Test func nothingIsLeftUnfinished() {
        expectNone(repository.files.flatMap(TextChecks.unfinishedWork))
    }

    @Test func noPathIsOfOneMachine() {
        expectNone(repository.files.flatMap(TextChecks.machinePaths))
    }

    @Test func linksLeadSomewhere() {
        let markdown = repository.files.filter(\.isMarkdown)
        let documents = Dictionary(markdown.map { ($0.path, $0) }) { first, _ in first }
        expectNone(markdown.flatMap { TextChecks.links($0, documents: documents, exists: Repository.exists) })
    }

    @Test func settingsHaveTheSameNameEverywhere() {
        expectNone(SettingChecks.withoutRow(repository.files))
        expectNone(SettingChecks.withoutReader(repository.files))
        expectNone(SettingChecks.ports(repository.files))
    }

    @Test func metricsHaveTheSameNameEverywhere() {
        expectNone(MetricChecks.withoutRow(repository.files))
        expectNone(MetricChecks.withoutCounter(repository.files))
    }

    @Test func schemasHaveExamples() {
        expectNone(TextChecks.schemaExamples(repository.paths))
    }
}
