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

    @Test func eachCLibraryHasOneFolder() {
        expectNone(repository.files.flatMap(CodeChecks.cImports))
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
    }

    @Test func schemasHaveExamples() {
        expectNone(TextChecks.schemaExamples(repository.paths))
    }
}
