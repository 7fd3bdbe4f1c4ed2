# Net::LDAP: controls on updates, and Password Modify.
# Arguments: URL, name, password, base, whether trees can be deleted. One JSON object to standard output.
use strict;
use warnings;
use JSON::PP;
use Net::LDAP;
use Net::LDAP::Constant qw(LDAP_CONTROL_PREREAD LDAP_CONTROL_POSTREAD);
use Net::LDAP::Control::Assertion;
use Net::LDAP::Control::PostRead;
use Net::LDAP::Control::PreRead;
use Net::LDAP::Control::TreeDelete;
use Net::LDAP::Extension::SetPassword;

my ($url, $name, $password, $base, $trees) = @ARGV;
my $ldap = Net::LDAP->new($url) or die "connect: $@";
my $bound = $ldap->bind($name, password => $password);
die $bound->error if $bound->code;
my $ada = "uid=ada,$base";
my %found;

my $answer = $ldap->modify(
    $ada,
    replace => {mail => 'net@example.com'},
    control => [
        Net::LDAP::Control::PreRead->new(critical => 1, attrs => ['mail']),
        Net::LDAP::Control::PostRead->new(critical => 1, attrs => ['mail']),
    ],
);
die $answer->error if $answer->code;
my ($before) = $answer->control(LDAP_CONTROL_PREREAD);
my ($after) = $answer->control(LDAP_CONTROL_POSTREAD);
$found{before} = [$before->entry->get_value('mail')];
$found{after} = [$after->entry->get_value('mail')];

my $asserted = Net::LDAP::Control::Assertion->new(critical => 1, assertion => '(mail=nobody@example.com)');
$found{asserted} = $ldap->delete($ada, control => [$asserted])->code;

$answer = $ldap->set_password(user => $ada);
die $answer->error if $answer->code;
$found{generated} = $answer->gen_password;

if ($trees eq 'yes') {
    $answer = $ldap->delete($base, control => [Net::LDAP::Control::TreeDelete->new(critical => 1)]);
    die $answer->error if $answer->code;
    $found{gone} = $ldap->search(base => $base, scope => 'base', filter => '(objectClass=*)')->code;
}
print encode_json(\%found);
