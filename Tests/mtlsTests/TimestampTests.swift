import Testing

@testable import mtls

@Suite struct TimestampTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", Int64(0)), ("2024-02-29T12:34:56Z", 1_709_210_096),
        ("2024-02-29t12:34:56.789z", 1_709_210_096), ("2024-02-29 14:34:56+02:00", 1_709_210_096),
        ("2024-02-29T11:04:56-01:30", 1_709_210_096), ("1969-12-31T23:59:59Z", -1),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ])
    func timesAreRead(text: String, seconds: Int64) {
        #expect(Timestamp.seconds(text) == seconds)
    }

    @Test(arguments: [
        "", "2024-02-29", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:00", "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00+2:00", "+024-01-01T00:00:00Z", "2024-01-01T00:00:00ZZ",
    ])
    func whatIsNoTimeIsRefused(text: String) {
        #expect(Timestamp.seconds(text) == nil)
    }

    @Test(arguments: [Int64(0), 1_709_210_096, -1, 253_402_300_799, 951_782_400, 4_102_444_800])
    func whatIsWrittenIsReadAgain(seconds: Int64) {
        #expect(Timestamp.seconds(Timestamp.text(seconds)) == seconds)
    }
}
