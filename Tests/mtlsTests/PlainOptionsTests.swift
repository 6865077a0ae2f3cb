import ArgumentParser
import Testing

@testable import mtls

/// ArgumentParser is the oracle: what is read without it has to be what it reads.
struct PlainOptionsTests {
    /// What ArgumentParser makes of a command line, or nil if it is not that of a request.
    private static func oracle(_ arguments: [String]) -> String? {
        (try? MTLS.parseAsRoot(arguments) as? RequestCommand).map { "\($0.options)" }
    }

    private static func plain(_ arguments: [String]) -> String? { PlainOptions.read(arguments).map { "\($0)" } }

    @Test func nothingButURLsLeavesEveryOptionAtItsDefault() {
        let options = Self.plain(["https://a.example", "b.example"])
        #expect(options != nil)
        #expect(options == Self.oracle(["https://a.example", "b.example"]))
        #expect(options?.contains("definition") == false)
    }

    /// In each line half of the options, another half each time: what two of them swapped would show.
    @Test(arguments: 0..<8)
    func eachOptionIsReadAsArgumentParserReadsIt(_ bit: Int) {
        var line = ["u"]
        for (index, row) in PlainOptions.rows.enumerated() where bit == 7 || index >> bit & 1 == 1 {
            let name = (bit.isMultiple(of: 2) ? row.short : nil) ?? row.long
            guard row.takesValue else {
                line.append(name)
                continue
            }
            line += bit % 3 == 1 && name == row.long ? ["\(name)=v=\(index)"] : [name, "v\(index)"]
            if row.repeats { line += [name, "-"] }
        }
        let options = Self.plain(line)
        #expect(options != nil)
        #expect(options == Self.oracle(line))
        #expect(bit < 7 || options == Self.plain(["request"] + line))
    }

    @Test func everyOptionOfTheCommandIsKnown() {
        let help = MTLS.helpMessage(for: RequestCommand.self, includeHidden: true)
        let names = help.split { " ,\n".contains($0) }.filter { $0.hasPrefix("--") && $0.dropFirst(2).first != "." }
        let known = PlainOptions.rows.map(\.long)
        let shown = Set(names.filter { help.contains("\n  \($0)") || help.contains(", \($0)") }.map(String.init))
        #expect(shown.subtracting(known) == ["--help", "--version"])
        #expect(Set(known).subtracting(shown).isEmpty)
    }

    @Test func everyWordThatNamesACommandIsKnown() {
        let names = MTLS.configuration.subcommands.map { $0._commandName } + ["help"]
        #expect(Set(PlainOptions.words) == Set(names))
    }

    @Test(arguments: [
        [], ["-s"], ["-X", "u"], ["--nonsense", "u"], ["-s", "-s", "u"], ["-X", "A", "-X", "B", "u"],
        ["--head=x", "u"],
        ["--help", "u"], ["-h"], ["--version"], ["u", "--", "v"], ["-H", "--version", "u"], ["-X", "pki", "u"],
        ["pki", "init"], ["help"], ["probe", "u"], ["-o", "", "u"], ["-Z", "u"], ["---completion", "u"],
    ])
    func whatIsOutOfTheOrdinaryIsLeftToArgumentParser(_ arguments: [String]) {
        #expect(Self.plain(arguments) == nil)
    }

    @Test func anyMixtureIsReadAsArgumentParserReadsIt() {
        var random = Steps(state: 6)
        let names = PlainOptions.rows.flatMap { [$0.long, $0.short].compactMap { $0 } }
        let others = ["u", "https://a", "-", "--", "", "x", "@f", "a=b", "=", "-s", "-x", "--x", "-sS", "--head=1"]
        let words = PlainOptions.words + others
        var read = 0
        while read < 12 {
            let line = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                switch Int.random(in: 0..<8, using: &random) {
                case 0, 1, 2: names.randomElement(using: &random) ?? ""
                case 3: "\(names.randomElement(using: &random) ?? "")=\(words.randomElement(using: &random) ?? "")"
                case 4: words.randomElement(using: &random) ?? ""
                default: "u"
                }
            }
            guard let options = Self.plain(line) else { continue }
            read += 1
            #expect(options == Self.oracle(line), "\(line)")
        }
    }

    /// The same numbers at each run (xorshift).
    private struct Steps: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }
}
