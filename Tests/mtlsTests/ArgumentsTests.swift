import ArgumentParser
import Testing

@testable import mtls

struct ArgumentsTests {
    @Test func aClusterOfFlagsIsSplit() {
        #expect(Arguments.split(["-sSv"]) == ["-s", "-S", "-v"])
    }

    @Test func theRestOfAClusterIsTheValueOfItsLastOption() {
        #expect(Arguments.split(["-sSXPOST", "u"]) == ["-s", "-S", "-X", "POST", "u"])
        #expect(Arguments.split(["-d@file"]) == ["-d", "@file"])
    }

    @Test func theValueOfAClusterMayBeTheNextArgument() {
        #expect(Arguments.split(["-so", "-sS", "u"]) == ["-s", "-o", "-sS", "u"])
    }

    @Test func aValueThatLooksLikeAnOptionIsLeftAlone() {
        #expect(Arguments.split(["-X", "-sS", "-iI"]) == ["-X", "-sS", "-i", "-I"])
        #expect(Arguments.split(["--data", "-sS", "-iI"]) == ["--data", "-sS", "-i", "-I"])
        #expect(Arguments.split(["-X-d", "-iI"]) == ["-X", "-d", "-i", "-I"])
    }

    @Test func aLongOptionWithItsValueTakesNoOther() {
        #expect(Arguments.split(["--data=x", "-iI"]) == ["--data=x", "-i", "-I"])
    }

    @Test func aLongFlagTakesNoValue() {
        #expect(Arguments.split(["--http1.1", "-iI"]) == ["--http1.1", "-i", "-I"])
    }

    @Test func aLoneDashIsAValue() {
        #expect(Arguments.split(["-o", "-", "-"]) == ["-o", "-", "-"])
    }

    @Test func nothingIsSplitBehindTwoDashes() {
        #expect(Arguments.split(["-sS", "--", "-sS"]) == ["-s", "-S", "--", "-sS"])
    }

    @Test func aClusterWithAnUnknownLetterIsLeftAsItIs() {
        #expect(Arguments.split(["-sZ"]) == ["-sZ"])
    }

    @Test func anOptionAtTheEndWithoutItsValueIsKept() {
        #expect(Arguments.split(["-sX"]) == ["-s", "-X"])
    }

    @Test func everyShortOptionThatIsSplitIsOneThatTheCommandKnows() throws {
        let flags = Arguments.flags.subtracting("hV").map { "-\($0)" }
        let options = Arguments.valued.map { "-\($0)" } + Arguments.longValued.map { "--\($0)" }
        // Were one of the latter a flag, its dash would be an unexpected argument.
        #expect(throws: Never.self) { try RequestOptions.parse(flags + options.flatMap { [$0, "-"] } + ["u"]) }
    }

    @Test func theOrderOfDataOptionsIsTheirs() {
        let arguments = Arguments.split(["--data-binary", "-d", "-sdx", "--data=y", "-o", "-d", "--", "-d"])
        #expect(Arguments.dataKinds(in: arguments) == [.binary, .text, .text])
    }
}
