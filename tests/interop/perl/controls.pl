# Net::LDAP: controls that shape a search. Arguments: URL, name, password, base. One JSON object to standard output.
use strict;
use warnings;
use JSON::PP;
use Net::LDAP;
use Net::LDAP::Constant qw(LDAP_CONTROL_PAGED LDAP_CONTROL_SORTRESULT LDAP_CONTROL_VLVRESPONSE);
use Net::LDAP::Control::Assertion;
use Net::LDAP::Control::DontUseCopy;
use Net::LDAP::Control::MatchedValues;
use Net::LDAP::Control::Paged;
use Net::LDAP::Control::Sort;
use Net::LDAP::Control::Subentries;
use Net::LDAP::Control::VLV;

my ($url, $name, $password, $base) = @ARGV;
my $ldap = Net::LDAP->new($url) or die "connect: $@";
my $bound = $ldap->bind($name, password => $password);
die $bound->error if $bound->code;
my %found;

sub people {
    my ($controls, %more) = @_;
    my $answer = $ldap->search(
        base => $base, scope => 'one', filter => '(uidNumber=*)', control => $controls, %more);
    return $answer;
}

sub uids { return [map { $_->get_value('uid') } shift->entries] }

my $sort = Net::LDAP::Control::Sort->new(order => '-uidNumber', critical => 1);
my $answer = people([$sort]);
my ($result) = $answer->control(LDAP_CONTROL_SORTRESULT);
$found{sorted} = uids($answer);
$found{sort_result} = $result->result;

$answer = people([Net::LDAP::Control::Sort->new(order => 'cn:caseIgnoreOrderingMatch sn:2.5.13.3')]);
$found{two_keys} = uids($answer);

my $paged = Net::LDAP::Control::Paged->new(size => 2);
my @pages;
while (1) {
    $answer = people([$sort, $paged]);
    push @pages, uids($answer);
    my ($more) = $answer->control(LDAP_CONTROL_PAGED);
    last unless $more && $more->cookie;
    $paged->cookie($more->cookie);
}
$found{pages} = \@pages;

my $view = Net::LDAP::Control::VLV->new(before => 0, after => 1, content => 0, offset => 1);
$answer = people([$sort, $view]);
($result) = $answer->control(LDAP_CONTROL_VLVRESPONSE);
$view->response($result);
$found{view} = uids($answer);
$found{view_count} = $result->content;
$view->end;
$answer = people([$sort, $view]);
$found{view_end} = uids($answer);
$view = Net::LDAP::Control::VLV->new(before => 0, after => 0, assert => '1001');
$answer = people([$sort, $view]);
$found{view_from} = uids($answer);

my $matched = Net::LDAP::Control::MatchedValues->new(matchedValues => '((mail=ada@*)(uid=*))');
$answer = people([$matched], attrs => ['mail', 'uid', 'cn']);
$found{matched} = { map { $_->get_value('uid') => [sort $_->attributes] } $answer->entries };

$answer = people([Net::LDAP::Control::Assertion->new(assertion => '(objectClass=person)')]);
$found{asserted} = $answer->code;
$answer = people([Net::LDAP::Control::Subentries->new(visibility => 1)]);
$found{subentries} = uids($answer);
$answer = people([Net::LDAP::Control::DontUseCopy->new(critical => 1)]);
$found{no_copy} = scalar $answer->entries;

my $root = $ldap->root_dse;
$found{supports} = $root->supported_control('1.2.840.113556.1.4.473', '2.16.840.1.113730.3.4.9') ? 1 : 0;
$found{class} = defined $ldap->schema->objectclass('inetOrgPerson') ? 1 : 0;
$ldap->unbind;
print JSON::PP->new->canonical->encode(\%found);
