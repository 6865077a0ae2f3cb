import ArgumentParser
import HTTPTypes
import MTLSClient
import Testing

@testable import mtls

struct UploadTests {
    private func plan(_ arguments: String...) throws -> Plan {
        let arguments = Arguments.split(arguments)
        return try Plan(
            RequestOptions.parse(arguments), dataKinds: Arguments.dataKinds(in: arguments), exists: { _ in false })
    }

    @Test func anUploadIsAPUTUnlessSaidOtherwise() throws {
        #expect(try plan("u", "-Tfile").method == .put)
        #expect(try plan("-sXPOST", "-T", "file", "u").method == .post)
        #expect(try plan("u", "-T-").upload == "-")
    }

    @Test(arguments: [["-d", "x"], ["-I"]])
    func anUploadExcludesWhatElseSaysWhatIsSent(_ others: [String]) throws {
        let arguments = Arguments.split(["u", "-T", "file"] + others)
        let options = try RequestOptions.parse(arguments)
        #expect(throws: UsageError.self) {
            try Plan(options, dataKinds: Arguments.dataKinds(in: arguments), exists: { _ in false })
        }
    }

    @Test(arguments: [
        ("https://h/a/", "x/b c.txt", "https://h/a/b%20c.txt"), ("https://h", "b", "https://h/b"), ("h", "b", "h/b"),
        ("https://h/a", "b", "https://h/a"), ("https://h/?q=/", "b", "https://h/?q=/"),
        ("https://h/", "-", "https://h/"),
    ])
    func aURLThatEndsWithASlashGetsTheFilesName(_ url: String, _ file: String, _ expected: String) throws {
        #expect(try plan(url, "-T", file).targets.map(\.url) == [expected])
    }

    @Test func theServerIsAskedBeforeMuchOrNobodyKnowsHowMuchIsSent() {
        #expect(Upload.fields(.empty).isEmpty && Upload.fields(.known(1 << 20)).isEmpty)
        #expect(Upload.fields(.known((1 << 20) + 1))[.expect] == "100-continue")
        #expect(Upload.fields(.unknown)[.expect] == "100-continue")
    }

    @Test func progressIsTold() {
        #expect(ProgressMeter.line(500, of: nil) == "500 bytes")
        #expect(ProgressMeter.line(5 << 20, of: 10 << 20) == " 50 % [##########          ] 5.0 MiB of 10.0 MiB")
        #expect(ProgressMeter.line(3 << 30, of: 1) == "100 % [####################] 3.0 GiB of 1 bytes")
        #expect(ProgressMeter.line(0, of: 0) == "0 bytes")
    }
}
