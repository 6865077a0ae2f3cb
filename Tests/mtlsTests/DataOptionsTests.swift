import Testing

@testable import mtls

struct DataOptionsTests {
    private func body(_ parts: [DataPart], _ files: [String: String] = [:]) -> String {
        String(decoding: DataPart.body(parts) { Array((files[$0] ?? "").utf8) }, as: UTF8.self)
    }

    @Test func partsAreJoinedByAmpersands() {
        #expect(body([DataPart("a=1", .text), DataPart("b=2", .binary)]) == "a=1&b=2")
    }

    @Test func textFilesLoseTheirLineBreaksAndNULs() {
        #expect(body([DataPart("@f", .text)], ["f": "a\r\nb\0c\n"]) == "abc")
    }

    @Test func binaryFilesStayAsTheyAre() {
        #expect(body([DataPart("@f", .binary)], ["f": "a\r\nb\0c\n"]) == "a\r\nb\0c\n")
    }

    @Test func aDashIsTheNameOfStandardInput() {
        #expect(DataPart("@-", .text) == .file("-", .text))
    }

    @Test func literalsKeepTheirLineBreaks() {
        #expect(body([DataPart("a\nb", .text)]) == "a\nb")
    }

    @Test func bothKindsComeInTheOrderOfTheCommandLine() {
        let parts = DataPart.inOrder([.text, .binary, .text], text: ["1", "3"], binary: ["2"])
        #expect(parts == [.literal("1"), .literal("2"), .literal("3")])
    }
}
