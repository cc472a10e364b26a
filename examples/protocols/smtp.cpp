// SPDX-License-Identifier: MIT
// Hands standard input to a mail server: commands, and replies of one line or several, all of it within ten seconds.
#include <iostream>

#include <sockboot/sockboot.hpp>

#include "../command_line.hpp"

using Smtp = sockboot::MessageChannel<sockboot::Socket, sockboot::Delimiter>;

/// Sends a line, if there is one, and reads the reply: "250 the last line", behind any number of "250-another line".
static void command(Smtp& smtp, const std::string& line, const std::string& code) {
    if (!line.empty()) smtp.send(line);
    std::string reply = code + "-";
    while (reply.starts_with(code + "-")) reply = smtp.receive().value_or("nothing, and closed the connection");
    if (!reply.starts_with(code)) throw std::runtime_error("the mail server said " + reply);
}

static void run(const std::vector<std::string>& arguments) {
    const auto [host, port, from, to] = examples::exactly<4>(arguments);
    Smtp smtp(sockboot::connect_to(host, examples::parse_port(port), "smtp"), sockboot::Delimiter("\r\n"));
    const auto whole = smtp.within(std::chrono::seconds(10));
    command(smtp, "", "220");  // it greets
    command(smtp, "EHLO localhost", "250");
    command(smtp, "MAIL FROM:<" + from + ">", "250");
    command(smtp, "RCPT TO:<" + to + ">", "250");
    command(smtp, "DATA", "354");
    for (std::string line; std::getline(std::cin, line);) {
        if (line.ends_with('\r')) line.pop_back();
        smtp.queue(line.starts_with('.') ? "." + line : line);  // "." alone is the end
    }
    command(smtp, ".", "250");
    command(smtp, "QUIT", "221");
}

int main(int argc, char** argv) { return examples::run(argc, argv, "usage: smtp HOST PORT FROM TO <MAIL\n", run); }
