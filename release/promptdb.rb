# The formula of PromptDB for a tap of Homebrew. `node release/formula.js` fills in the version and the
# checksums of a release.
class Promptdb < Formula
  desc "Your own prompts in every chat, over MCP"
  homepage "https://github.com/{{repository}}"
  version "{{version}}"
  license "MIT"

  on_macos do
    on_arm do
      url "https://github.com/{{repository}}/releases/download/v{{version}}/{{macos_arm_file}}"
      sha256 "{{macos_arm_sha256}}"
    end
    on_intel do
      url "https://github.com/{{repository}}/releases/download/v{{version}}/{{macos_intel_file}}"
      sha256 "{{macos_intel_sha256}}"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/{{repository}}/releases/download/v{{version}}/{{linux_arm_file}}"
      sha256 "{{linux_arm_sha256}}"
    end
    on_intel do
      url "https://github.com/{{repository}}/releases/download/v{{version}}/{{linux_intel_file}}"
      sha256 "{{linux_intel_sha256}}"
    end
  end

  def install
    # The program finds its model beside itself, so both stay together. It is started by the path that
    # the next version keeps, which `promptdb connect` gives to clients.
    libexec.install "promptdb", "meaning.bin"
    bin.write_exec_script opt_libexec/"promptdb"
    bash_completion.install "completions/promptdb.bash" => "promptdb"
    fish_completion.install "completions/promptdb.fish"
    zsh_completion.install "completions/_promptdb"
    doc.install "LICENSE", "THIRD-PARTY.txt", "meaning-LICENSE.txt", "meaning-NOTICE.txt"
  end

  service do
    run [opt_libexec/"promptdb", "serve"]
    keep_alive crashed: true
    log_path var/"log/promptdb.log"
    error_log_path var/"log/promptdb.log"
  end

  test do
    assert_equal "promptdb #{version}", shell_output("#{bin}/promptdb --version").chomp
    ENV["DATABASE_PATH"] = testpath/"promptdb.db"
    system bin/"promptdb", "export", "--output", testpath/"library.json"
    assert_path_exists testpath/"library.json"
  end
end
